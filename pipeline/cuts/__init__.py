"""Contract of cut detection, so that nothing is carried over from one shot to the next."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from pipeline.frame import Picture


class Change(Enum):
    """Relation of a picture to the one before it."""

    NONE = "none"
    """The shot continues."""
    CUT = "cut"
    """A new shot starts."""
    FLASH = "flash"
    """Different content for a few frames, after which the shot continues."""


class Cuts(Protocol):
    """Detects cuts in a sequence of pictures, reading some frames ahead."""

    def __call__(
        self, pictures: Iterable[Picture | None]
    ) -> Iterator[tuple[Picture | None, Change]]:
        """Return the same pictures, each with its relation to the one before.

        None, for a frame after the end of the footage, is returned with Change.NONE.
        """


@dataclass(frozen=True)
class OneShot:
    """Treats all pictures as one shot."""

    def __call__(
        self, pictures: Iterable[Picture | None]
    ) -> Iterator[tuple[Picture | None, Change]]:
        """Yield each picture with Change.NONE."""
        for picture in pictures:
            yield picture, Change.NONE


ONE_SHOT = OneShot()
"""No cut detection."""
