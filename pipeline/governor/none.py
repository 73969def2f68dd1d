"""No governor: the dream goes where it will."""

from __future__ import annotations

from dataclasses import dataclass

from pipeline.canvas import Canvas


@dataclass(frozen=True)
class Free:
    """Leaves everything as it is."""

    def __call__(self, canvas: Canvas, *, rate: float, steady: bool) -> Canvas:
        """Return the canvas itself."""
        return canvas
