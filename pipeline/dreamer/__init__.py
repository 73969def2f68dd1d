"""Contract of dreamers, which climb the gradient. One file per dreamer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol, TypeAlias

import torch
from torch import Tensor

from pipeline.canvas import Canvas
from pipeline.frame import Image, Memory

GradientFn: TypeAlias = Callable[[Image], tuple[Tensor, Tensor]]
"""Image (1, 3, H, W) -> gradient of the score, same shape, and the score, a scalar."""


@dataclass(frozen=True)
class Dream:
    """The result of dreaming one frame."""

    image: Image
    """The dream, (1, 3, H, W) in [0, 1]."""
    maturity: Tensor
    """How far the dream has grown at each pixel, (1, 1, H, W) in [0, 1]."""
    work: Mapping[tuple[int, int], int]
    """(height, width) in pixels -> number of gradient steps at this size."""
    memory: Memory = field(default_factory=dict)
    """State that the dreamer receives again with the next frame."""
    step_bytes: float | None = None
    """Memory that a gradient step was allowed to use, in bytes. None: no limit."""

    @property
    def steps(self) -> float:
        """Number of gradient steps, each weighted by its size's share of the frame's pixels."""
        height, width = self.image.shape[2:]
        return sum(n * h * w for (h, w), n in self.work.items()) / (height * width)


class Dreamer(Protocol):
    """Turns a canvas into a dream."""

    def __call__(
        self, canvas: Canvas, gradient_fn: GradientFn, rng: torch.Generator, *, memory: Memory
    ) -> Dream:
        """Return the dream that starts from `canvas.image`.

        The canvas's `maturity`, `step_strength`, `picture` and `index` may be used too. rng: on the
        CPU, the only source of randomness. memory: that of the last dream, empty at the first
        frame.
        """

    def fit(self, height: int, width: int, smallest_side: int) -> Dreamer:
        """Return the same dreamer with settings adapted to pictures of this size, in pixels.

        smallest_side: smallest side of an image for which the gradient can be computed. Raises
        UserError if no settings fit.
        """
