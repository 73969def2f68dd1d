"""Contract: how the gradient is climbed. One file a way of dreaming."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol, TypeAlias

import torch
from torch import Tensor

from pipeline.frame import Image, Memory, Strength

GradientFn: TypeAlias = Callable[[Image], tuple[Tensor, Tensor]]
"""Image (1, 3, H, W) -> the gradient of the score, the same shape, and the score, a scalar."""


@dataclass(frozen=True)
class Dream:
    """What came of one frame's dreaming.

    image: (1, 3, H, W) in [0, 1]. maturity: (1, 1, H, W) in [0, 1], how far the dream has grown at
    each pixel. work: how many gradient steps were taken at each size, (height, width) in pixels.
    memory: what the dreamer wants to find again at the next frame.
    """

    image: Image
    maturity: Tensor
    work: Mapping[tuple[int, int], int]
    memory: Memory = field(default_factory=dict)

    @property
    def steps(self) -> float:
        """Gradient steps, each weighted by its size's share of the frame's pixels."""
        height, width = self.image.shape[2:]
        return sum(n * h * w for (h, w), n in self.work.items()) / (height * width)


class Dreamer(Protocol):
    """Makes the next dream."""

    def __call__(
        self,
        image: Image,
        maturity: Tensor,
        gradient_fn: GradientFn,
        *,
        index: int,
        strength: Strength,
        source: Image | None,
        memory: Memory,
        rng: torch.Generator,
    ) -> Dream:
        """The dream that starts from `image`, (1, 3, H, W) in [0, 1].

        maturity: (1, 1, H, W) in [0, 1], 0 where nothing was dreamt yet. index: of the frame.
        strength: factors on the steps. source: (1, 3, H, W), the picture under the dream, None
        where nothing was filmed. memory: that of the last frame's dream, empty at the first. rng:
        on the CPU; all randomness comes from it.
        """

    def fit(self, height: int, width: int, smallest_side: int) -> Dreamer:
        """The same dreamer with settings that fit pictures of this size, in pixels.

        smallest_side: the least side of an image that the gradient can be asked for. Raises
        UserError where nothing fits.
        """
