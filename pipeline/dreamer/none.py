"""No dream: the picture passes through, for checking what goes in and what comes out."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from pipeline.canvas import Canvas
from pipeline.dreamer import Dream, GradientFn
from pipeline.frame import Memory


@dataclass(frozen=True)
class Nothing:
    """Leaves every frame as it was filmed; the layer that it leaves to be carried is zero."""

    def __call__(
        self, canvas: Canvas, gradient_fn: GradientFn, rng: torch.Generator, *, memory: Memory
    ) -> Dream:
        """Return the image itself."""
        return Dream(canvas.image, canvas.maturity, work={})

    def fit(self, height: int, width: int, smallest_side: int) -> Nothing:
        """Return itself: it fits any size."""
        return self
