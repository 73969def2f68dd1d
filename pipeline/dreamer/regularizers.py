"""Regularizers: penalties on noise, on the distance from the source and on colour changes.

Their gradients are added to a dream's gradient with standard deviation 1. They pull towards the
source instead of towards grey, so the dream is weakened without becoming darker.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from pipeline.frame import Image

SOFT = 0.1
"""Difference between neighbours, for values in [0, 1], below which they are smoothed in proportion
to it instead of at a constant rate. If it were smaller, a step of 0.01 with weight 1 would
overshoot."""


@dataclass(frozen=True)
class Penalties:
    """Weights of the penalties; 0: none."""

    total_variation: float
    """Weight of the differences between neighbouring pixels."""
    distance: float
    """Weight of the difference from the source; 10 keeps a dream within about 0.1 of it."""
    chroma: float
    """Weight of the difference from the source in colour alone."""

    @property
    def count(self) -> bool:
        """Whether any weight is not 0."""
        return any((self.total_variation, self.distance, self.chroma))

    def __call__(self, image: Image, source: Image) -> Tensor:
        """Return the direction that reduces the penalties, (1, 3, H, W) as the image.

        source: the picture without the dream, same size.
        """
        away = source - image
        colour = away - away.mean(dim=1, keepdim=True)
        push = self.distance * away + self.chroma * colour
        return (
            push + self.total_variation * total_variation_gradient(image)
            if self.total_variation
            else push
        )


def total_variation_gradient(image: Image) -> Tensor:
    """Return the negative gradient of the total variation, (1, 3, H, W), about -2..2.

    Rudin, Osher, Fatemi 1992: the divergence of the normalized differences, whose length is
    smoothed near 0.
    """
    right = F.pad(image[..., :, 1:] - image[..., :, :-1], [0, 1, 0, 0])
    down = F.pad(image[..., 1:, :] - image[..., :-1, :], [0, 0, 0, 1])
    length = torch.sqrt(right.square() + down.square() + SOFT**2)
    right, down = right / length, down / length
    return right - F.pad(right, [1, -1, 0, 0]) + down - F.pad(down, [0, 0, 1, -1])
