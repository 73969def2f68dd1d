"""What photographs have in common: how their colours hang together, how strong their waves are."""

from __future__ import annotations

import torch
from torch import Tensor

COLOURS = ((0.26, 0.09, 0.02), (0.27, 0.0, -0.05), (0.27, -0.09, 0.03))
"""Red, green and blue of three colours that vary independently in photographs, as columns: the root
of their covariance (Olah et al. 2017, lucid)."""


def color_correlation(like: Tensor) -> Tensor:
    """Return (3, 3), red, green and blue of the three colours as columns, the longest of length 1.

    like: a tensor of the type and on the device that are wanted.
    """
    colours = like.new_tensor(COLOURS)
    longest: Tensor = colours.norm(dim=0).max()
    return colours / longest


def decay_power(height: int, width: int, power: float, device: torch.device) -> Tensor:
    """Return how strong each wave of torch.fft.rfft2 is, (H, W // 2 + 1): 1 / frequency to the
    power.

    In photographs the power is about 1 (Field 1987). The longest waves are all as strong as one
    that is as long as the picture: a cast over all of it is no wave. The mean square is 1.
    """
    down = torch.fft.fftfreq(height, device=device)[:, None]
    across = torch.fft.rfftfreq(width, device=device)[None]
    strong = torch.hypot(down, across).clamp(min=1 / max(height, width)) ** -power
    return strong / strong.square().mean().sqrt()
