"""An awkward input, and what is right for it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from helpers.clips import counted

MADE = "made"
"""The folder in which inputs are made."""


@dataclass(frozen=True)
class Right:
    """What must be seen and heard of the output.

    order: numbers of the barcodes, None = as `frames` and `begins` say. rate: frames a second.
    size: width and height. frames: the fewest and the most, of a damaged file. begins: how many
    come first that are whole and in order. colours: RGB of patches side by side in the first frame,
    and by how much they may be `off`. beeps: their onsets in seconds, of each sound track. says: a
    part of what stands on stderr, "" = nothing of damage.
    """

    order: Sequence[int] | None = tuple(range(20))
    rate: Fraction | int = 25
    size: tuple[int, int] = (128, 48)
    frames: tuple[int, int] | None = None
    begins: int = 0
    colours: Sequence[Sequence[float]] = ()
    off: float = 2
    beeps: Sequence[Sequence[float]] = ()
    says: str = ""


@dataclass(frozen=True)
class Refused:
    """The one line of the error: a regular expression that is found in it."""

    because: str


@dataclass(frozen=True)
class Case:
    """An input, made by `make` at the path that it is given: `file`, in a folder of its own.

    right: what comes of it. given: what the command line is told as the input, None = the file.
    more: further arguments. slow: one of many alike, which not every run of the tests must repeat.
    """

    name: str
    make: Callable[[Path], object]
    right: Right | Refused
    file: str = "in.mkv"
    given: str | None = None
    more: Sequence[str] = ()
    slow: bool = False


def counting(*options: str, **more: object) -> Callable[[Path], object]:
    """Makes a file with pictures that say their numbers, as `clips.counted` does."""
    return lambda path: counted(path, *options, **more)  # type: ignore[arg-type]
