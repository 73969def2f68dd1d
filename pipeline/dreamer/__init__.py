"""Contract: how the gradient is climbed. One file a way of dreaming."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol, TypeAlias

import torch
from torch import Tensor

from pipeline.canvas import Canvas
from pipeline.frame import Image, Memory

GradientFn: TypeAlias = Callable[[Image], tuple[Tensor, Tensor]]
"""Image (1, 3, H, W) -> the gradient of the score, the same shape, and the score, a scalar."""


@dataclass(frozen=True)
class Dream:
    """The result of dreaming one frame."""

    image: Image
    """(1, 3, H, W) in [0, 1]."""
    maturity: Tensor
    """(1, 1, H, W) in [0, 1], how far the dream has grown at each pixel."""
    work: Mapping[tuple[int, int], int]
    """How many gradient steps were taken at each size, (height, width) in pixels."""
    memory: Memory = field(default_factory=dict)
    """State of the dreamer, which it is given at the next frame."""
    step_bytes: float | None = None
    """That a gradient step was allowed to hold; None = any number."""

    @property
    def steps(self) -> float:
        """Gradient steps, each weighted by its size's share of the frame's pixels."""
        height, width = self.image.shape[2:]
        return sum(n * h * w for (h, w), n in self.work.items()) / (height * width)


class Dreamer(Protocol):
    """Makes the next dream."""

    def __call__(
        self, canvas: Canvas, gradient_fn: GradientFn, rng: torch.Generator, *, memory: Memory
    ) -> Dream:
        """Return the dream that starts from `canvas.image`.

        Of the canvas, `maturity`, `step_strength`, `picture` and `index` count too. rng: on the
        CPU; all randomness comes from it. memory: that of the last frame's dream, empty at the
        first.
        """

    def fit(self, height: int, width: int, smallest_side: int) -> Dreamer:
        """Return the same dreamer with settings that fit pictures of this size, in pixels.

        smallest_side: the least side of an image that the gradient can be asked for. Raises
        UserError where nothing fits.
        """
