"""No governor: the carried dream is not corrected."""

from __future__ import annotations

from dataclasses import dataclass

from pipeline.canvas import Canvas


@dataclass(frozen=True)
class Free:
    """Returns every canvas unchanged."""

    def __call__(self, canvas: Canvas, *, rate: float, steady: bool) -> Canvas:
        """Return the canvas unchanged."""
        return canvas
