"""No optical flow: the dream layer stays in place."""

from __future__ import annotations

from dataclasses import dataclass

from pipeline.frame import Picture


@dataclass(frozen=True)
class Unmoved:
    """No motion, for static cameras or as an effect."""

    def __call__(self, current: Picture, previous: Picture) -> None:
        """Return None."""
        return
