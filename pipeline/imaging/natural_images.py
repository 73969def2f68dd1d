"""Statistics of photographs: the correlation of their colours, and their amplitude spectrum."""

from __future__ import annotations

import torch
from torch import Tensor

COLOURS = ((0.26, 0.09, 0.02), (0.27, 0.0, -0.05), (0.27, -0.09, 0.03))
"""Square root of the covariance of colours in photographs. Its columns are three colours (red,
green, blue) that vary independently (Olah et al. 2017, lucid)."""


def color_correlation(like: Tensor) -> Tensor:
    """Return COLOURS as a tensor (3, 3), scaled so that the longest column has length 1.

    like: a tensor of the wanted dtype and device.
    """
    colours = like.new_tensor(COLOURS)
    longest: Tensor = colours.norm(dim=0).max()
    return colours / longest


def decay_power(height: int, width: int, power: float, device: torch.device) -> Tensor:
    """Return the amplitude 1 / frequency**power of each wave of rfft2, (H, W // 2 + 1).

    In photographs the power is about 1 (Field 1987). Waves longer than the image's longer side have
    the amplitude of a wave of that length, since a uniform tint is no wave. The mean square is 1.
    """
    down = torch.fft.fftfreq(height, device=device)[:, None]
    across = torch.fft.rfftfreq(width, device=device)[None]
    amplitude = torch.hypot(down, across).clamp(min=1 / max(height, width)) ** -power
    return amplitude / amplitude.square().mean().sqrt()
