"""How steady and how strong a dream is."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

BLUR = 1.2
"""Deviation, in pixels, of the blur before two layers are compared: finer than that is noise."""


def flicker(now: Tensor, before: Tensor, weight: Tensor) -> Tensor:
    """How much of a layer is not the one before it, moved: a scalar.

    now, before: (1, 3, H, W), the layer and the last one moved to where it should be. weight:
    (1, 1, H, W), where to look. The mean squared difference over twice the mean square, both
    blurred: 0 = painted on the surface, 1 = unrelated, 0.5 = gone or only just come.
    """
    now, before = blur(now), blur(before)
    difference = ((now - before).square() * weight).sum()
    return difference / (2 * (now.square() * weight).sum() + 1e-12)


def blur(image: Tensor, deviation: float = BLUR) -> Tensor:
    """The image (1, C, H, W) blurred by a Gaussian of this deviation in pixels."""
    radius = round(3 * deviation)
    x = torch.arange(-radius, radius + 1, dtype=image.dtype, device=image.device)
    line = torch.exp(-x.square() / (2 * deviation**2))
    line = line / line.sum()
    channels = image.shape[1]
    padded = F.pad(image, [radius] * 4, mode="replicate")
    across = F.conv2d(padded, line.expand(channels, 1, 1, -1), groups=channels)
    return F.conv2d(across, line.view(-1, 1).expand(channels, 1, -1, 1), groups=channels)
