"""No motion is looked for: the dream layer is carried unmoved."""

from __future__ import annotations

from dataclasses import dataclass

from pipeline.frame import Picture


@dataclass(frozen=True)
class Unmoved:
    """For a camera on a tripod, or for the look of it."""

    def __call__(self, current: Picture, previous: Picture) -> None:
        """None."""
        return
