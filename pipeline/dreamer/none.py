"""No dream: the picture passes through, for checking what goes in and what comes out."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from pipeline.dreamer import Dream, GradientFn
from pipeline.frame import Image, Memory, Strength


@dataclass(frozen=True)
class Nothing:
    """Leaves every frame as it was filmed; the layer that it leaves to be carried is zero."""

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
        """The image itself."""
        return Dream(image, maturity, work={})

    def fit(self, height: int, width: int, smallest_side: int) -> Nothing:
        """Itself: it fits any size."""
        return self
