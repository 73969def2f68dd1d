"""No dream: pictures pass through unchanged, to check decoding and encoding."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from pipeline.canvas import Canvas
from pipeline.dreamer import Dream, GradientFn
from pipeline.frame import Memory


@dataclass(frozen=True)
class Nothing:
    """Leaves every frame as it is, so that the carried dream layer is zero."""

    def __call__(
        self, canvas: Canvas, gradient_fn: GradientFn, rng: torch.Generator, *, memory: Memory
    ) -> Dream:
        """Return the image of the canvas as the dream."""
        return Dream(canvas.image, canvas.maturity, work={})

    def fit(self, height: int, width: int, smallest_side: int) -> Nothing:
        """Return itself, as it fits any size."""
        return self
