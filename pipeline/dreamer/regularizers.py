"""What holds a dream back: gradients that lead away from noise, from odd colours, or to the source.

Each is the gradient of a penalty, added to a gradient of deviation 1. Towards the source, not
towards grey: so a dream is held back without darkening.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from pipeline.frame import Image

SOFT = 0.1
"""Of the range [0, 1]: differences below it are no edges, and are evened out in proportion. If it
were smaller, a step of 0.01 would overshoot at a weight of 1."""


@dataclass(frozen=True)
class Penalties:
    """Weights, 0 = not at all."""

    total_variation: float
    """Weight of differences between neighbours."""
    distance: float
    """Weight of the difference from the source; at 10 a dream ends about 0.1 away."""
    chroma: float
    """Weight of the difference in colour alone."""

    @property
    def count(self) -> bool:
        """Whether any of them does."""
        return any((self.total_variation, self.distance, self.chroma))

    def __call__(self, image: Image, source: Image) -> Tensor:
        """Return where they push, of the image's shape (1, 3, H, W).

        source: what was filmed there, of the same size.
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
    """Return the way down the total variation (Rudin, Osher, Fatemi 1992), (1, 3, H, W), about
    -2..2.

    The divergence of the differences divided by their length, which is rounded off near 0.
    """
    right = F.pad(image[..., :, 1:] - image[..., :, :-1], [0, 1, 0, 0])
    down = F.pad(image[..., 1:, :] - image[..., :-1, :], [0, 0, 0, 1])
    length = torch.sqrt(right.square() + down.square() + SOFT**2)
    right, down = right / length, down / length
    return right - F.pad(right, [1, -1, 0, 0]) + down - F.pad(down, [0, 0, 1, -1])
