"""No cuts are looked for: the whole video is one shot."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from pipeline.cuts import Change
from pipeline.frame import Picture


@dataclass(frozen=True)
class OneShot:
    """Says of every picture that it goes on."""

    def __call__(
        self, pictures: Iterable[Picture | None]
    ) -> Iterator[tuple[Picture | None, Change]]:
        """Yield the pictures with no change among them."""
        for picture in pictures:
            yield picture, Change.NONE
