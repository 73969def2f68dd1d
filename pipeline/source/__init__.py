"""Contract of the sources of pictures. One file per kind of source."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Protocol, runtime_checkable

from pipeline.frame import Clip, Picture


class Source(Protocol):
    """Pictures of one size at a constant rate, and possibly frames without a picture after them.

    Height and width are even, except for stills.
    """

    @property
    def clip(self) -> Clip:
        """Size, rate and format of the pictures; determined once, without decoding all of them.

        Raises UserError if the input cannot be read.
        """

    def pictures(self, start: int = 0) -> Iterator[Picture | None]:
        """Return an iterator over the pictures from frame `start`, in constant memory.

        Each is (H, W, 3) RGB of the clip's bit depth, or None for a frame that has no picture and
        continues from the dream alone. Frame 0 always has a picture, and no picture follows a None.
        Closing the iterator early frees its resources. Raises UserError if the input is too damaged
        to yield pictures; lesser damage is logged as a warning.
        """


@runtime_checkable
class StillCollection(Protocol):
    """Stills in several files, each of which is a separate Source."""

    @property
    def files(self) -> Sequence[Path]:
        """The files, in order. Raises UserError if there are none."""

    @property
    def clip(self) -> Clip:
        """Clip of the first file that can be read. Raises UserError if none can."""

    def each(self) -> Iterator[tuple[Path, Source]]:
        """Return an iterator over (file, Source), including files that cannot be read."""
