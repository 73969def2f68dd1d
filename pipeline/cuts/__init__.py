"""Contract: where a new shot begins, so that nothing of the old one is carried into it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from enum import Enum
from typing import Protocol

from pipeline.frame import Picture


class Change(Enum):
    """How a picture follows the one before it."""

    NONE = "none"
    CUT = "cut"
    FLASH = "flash"
    """For some frames something else is seen, then the shot goes on."""


class Cuts(Protocol):
    """Looks at pictures in order, some frames ahead."""

    def __call__(
        self, pictures: Iterable[Picture | None]
    ) -> Iterator[tuple[Picture | None, Change]]:
        """Return the same pictures, (H, W, 3) uint8, each with how it follows the one before.

        None, where nothing is filmed any more, is passed on as Change.NONE.
        """
