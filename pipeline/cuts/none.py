"""No cut detection: the whole video is one shot."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from pipeline.cuts import Change
from pipeline.frame import Picture


@dataclass(frozen=True)
class OneShot:
    """Treats all pictures as one shot."""

    def __call__(
        self, pictures: Iterable[Picture | None]
    ) -> Iterator[tuple[Picture | None, Change]]:
        """Yield each picture with Change.NONE."""
        for picture in pictures:
            yield picture, Change.NONE
