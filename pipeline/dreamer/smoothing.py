"""What a gradient is softened with, so that what grows is shapes rather than dots."""

from __future__ import annotations

from functools import lru_cache

import torch
from torch import Tensor

CASCADE = (1.0, 2.0, 4.0)
"""The widths of the Gaussians, as multiples of the given one."""


@lru_cache(maxsize=8)  # asked for at every step
def cascade_kernel(sigma: float, device: torch.device) -> Tensor:
    """Return the mean of three Gaussians of sigma, 2 sigma and 4 sigma pixels, (k, k), sums to 1.

    It ends at one and a half deviations of the widest: what lies further out is not seen.
    """
    radius = cascade_radius(sigma)
    square = torch.arange(-radius, radius + 1, dtype=torch.float32).square()
    kernel = torch.zeros(2 * radius + 1, 2 * radius + 1)
    for times in CASCADE:
        line = torch.exp(-square / (2 * (times * sigma) ** 2))
        line = line / line.sum()
        kernel += torch.outer(line, line) / len(CASCADE)
    return kernel.to(device)


def cascade_radius(sigma: float) -> int:
    """Return how many pixels on either side the kernel reaches."""
    return max(1, round(1.5 * CASCADE[-1] * sigma))
