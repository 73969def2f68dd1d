"""Metrics of a dream: statistics of the image, strength of its bands, and flicker."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from pipeline.imaging.convolution import depthwise_conv

BLUR = 1.2
"""Standard deviation, in pixels, of the blur before layers are compared: finer detail is noise."""
LUMA = (0.2126, 0.7152, 0.0722)
"""Weights of red, green and blue in the luminance (Rec. 709)."""


BANDS = ("fine", "middle", "coarse")
"""Bands of a dream layer: waves shorter than about 3 pixels, between, longer than about 12."""
BAND_LIMITS = (0.56, 2.25)
"""Standard deviations, in pixels, of the Gaussians that halve waves of 3 and of 12 pixels."""


@dataclass(frozen=True)
class ImageStatistics:
    """Statistics of an image, each a scalar ()."""

    luminance: Tensor
    """Mean luminance, in [0, 1]."""
    contrast: Tensor
    """Standard deviation of the luminance."""
    chroma: Tensor
    """Root mean square distance of colours from the luminance, after removing the mean colour."""
    clipped: Tensor
    """Fraction of the values within 1/255 of 0 or 1."""
    high_band: Tensor
    """Standard deviation of the detail that a blur of BLUR pixels removes from the luminance."""


def image_statistics(image: Tensor) -> ImageStatistics:
    """Return the statistics of an image (1, 3, H, W) in [0, 1]."""
    light = luminance(image)
    colour = image - light
    colour = colour - colour.mean(dim=(2, 3), keepdim=True)
    edge = 1 / 255
    return ImageStatistics(
        luminance=light.mean(),
        contrast=light.std(),
        chroma=colour.square().sum(dim=1).mean().sqrt(),
        clipped=((image <= edge) | (image >= 1 - edge)).float().mean(),
        high_band=(light - blur(light)).std(),
    )


def luminance(image: Tensor) -> Tensor:
    """Return the luminance (1, 1, H, W) of an image (1, 3, H, W), both in [0, 1]."""
    return torch.einsum("bchw,c->bhw", image, image.new_tensor(LUMA))[:, None]


def split_bands(layer: Tensor) -> Iterator[Tensor]:
    """Yield the fine, middle and coarse band of a layer, each (1, C, H, W); they add up to it."""
    smooth, coarse = (blur(layer, deviation) for deviation in BAND_LIMITS)
    yield layer - smooth
    yield smooth - coarse
    yield coarse


def band_energy(layer: Tensor, weight: Tensor) -> Tensor:
    """Return the mean square of each band of a layer (1, C, H, W): (3,), in the order of BANDS.

    weight: (1, 1, H, W) in [0, 1], weight of each pixel. A layer that sticks to a surface keeps its
    energy in every band; blurring removes energy from the fine one, ringing adds to the middle one.
    """
    area = weight.sum().clamp(min=1) * layer.shape[1]
    return torch.stack([(band.square() * weight).sum() for band in split_bands(layer)]) / area


def flicker(now: Tensor, before: Tensor, weight: Tensor) -> Tensor:
    """Return how much a layer differs from the previous one moved with the picture: a scalar.

    now, before: (1, 3, H, W), the layer and the previous one, warped to the same frame. weight: (1,
    1, H, W), weight of each pixel. Both are blurred; the result is the mean squared difference over
    twice the mean square of `now`: 0 if the layer sticks to the surface, 1 if the two are unrelated
    (and equally strong), 0.5 where it has just appeared. It exceeds 1 where the layer vanishes.
    """
    now, before = blur(now), blur(before)
    difference = ((now - before).square() * weight).sum()
    return difference / (2 * (now.square() * weight).sum() + 1e-12)


def blur(image: Tensor, deviation: float = BLUR) -> Tensor:
    """Return the image (1, C, H, W) blurred by a Gaussian of this standard deviation in pixels."""
    radius = round(3 * deviation)
    x = torch.arange(-radius, radius + 1, dtype=image.dtype, device=image.device)
    line = torch.exp(-x.square() / (2 * deviation**2))
    line = (line / line.sum())[None]
    return depthwise_conv(depthwise_conv(image, line, "replicate"), line.mT, "replicate")
