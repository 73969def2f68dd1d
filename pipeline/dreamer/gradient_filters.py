"""How a gradient is shaped before a step is taken along it: softer, broader, in truer colours."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import torch
import torch.nn.functional as F
from torch import Tensor

from pipeline.imaging.convolution import depthwise_conv
from pipeline.imaging.natural_images import color_correlation, decay_power

BINOMIAL = (1, 4, 6, 4, 1)
"""Of the pyramid's blur (Burt and Adelson 1983)."""
TINY = 1e-12
"""A flat picture may have no gradient at all."""
CASCADE = (1.0, 2.0, 4.0)
"""The widths of the Gaussians, as multiples of the given one."""


@dataclass(frozen=True)
class Shaping:
    """How a gradient is filtered before a step."""

    smoothing: float
    """Pixels, deviation of the finest of the Gaussian cascade; 0 = not at all."""
    pyramid: int
    """Bands of a Laplacian pyramid that are brought to one strength; 0 = not at all."""
    falloff: float
    """Each wave is multiplied by 1 / frequency to this power."""
    decorrelation: float
    """Share, 0..1, of the colours that is mixed as in photographs."""

    def __call__(self, gradient: Tensor) -> Tensor:
        """Return the gradient (1, 3, H, W) shaped."""
        if self.decorrelation:
            gradient = gradient.lerp(_as_in_photographs(gradient), self.decorrelation)
        if self.pyramid:
            gradient = laplacian_normalize(gradient, self.pyramid)
        if self.falloff:
            gradient = scale_frequencies(gradient, self.falloff)
        if self.smoothing:
            kernel = cascade_kernel(self.smoothing, gradient.device)
            gradient = depthwise_conv(gradient, kernel, "reflect")
        return gradient

    @property
    def least_side(self) -> int:
        """Pixels that a side must have: a gradient is mirrored at its edges."""
        smoothed = cascade_radius(self.smoothing) + 1 if self.smoothing else 1
        # the last band that is blurred still has as many pixels as that reaches over, and one more
        blurred = (len(BINOMIAL) // 2 + 1) << (self.pyramid - 2) if self.pyramid > 1 else 1
        return max(smoothed, blurred)


def deviation(gradient: Tensor) -> Tensor:
    """Of its numbers from their mean, a scalar; on a CPU torch's own takes three times as long."""
    if gradient.device.type != "cpu":
        return gradient.std()
    # row by row, for a norm adds one number after the other: of millions the last would be lost
    rows = torch.linalg.vector_norm(gradient, dim=3)
    length, mean = float(torch.linalg.vector_norm(rows)), float(gradient.mean())
    return torch.tensor(max(length**2 / gradient.numel() - mean**2, 0) ** 0.5)


def laplacian_normalize(gradient: Tensor, bands: int) -> Tensor:
    """Return the gradient with each band of its Laplacian pyramid divided by its root mean square.

    Mordvintsev, Olah, Tyka 2015, TensorFlow's deepdream tutorial: coarse and fine grow alike, so
    that low frequencies get what the network's gradient lacks. bands: the last one is what is left.
    """
    if bands == 1:
        return gradient / (gradient.square().mean().sqrt() + TINY)
    coarse = _blurred(gradient)[:, :, ::2, ::2]
    fine = gradient - _doubled(coarse, gradient)
    return fine / (fine.square().mean().sqrt() + TINY) + _doubled(
        laplacian_normalize(coarse, bands - 1), gradient
    )


def scale_frequencies(gradient: Tensor, power: float) -> Tensor:
    """Return the gradient with each wave multiplied by 1 / frequency to the power.

    Olah, Mordvintsev, Schubert 2017: the gradient in an image of waves that are as strong as those
    of photographs, for a picture that stays one of pixels. The mean becomes 0.
    """
    height, width = gradient.shape[2:]
    waves = torch.fft.rfft2(gradient) * decay_power(height, width, power, gradient.device)
    waves[..., 0, 0] = 0  # a cast over the whole picture is no motif
    broad: Tensor = torch.fft.irfft2(waves, s=(height, width))
    return broad


def _as_in_photographs(gradient: Tensor) -> Tensor:
    """Return the gradient in three colours that vary independently in photographs, given in red,
    green, blue.

    As strong as before; much of what only differs in colour is gone.
    """
    colours = color_correlation(gradient)
    mixed = torch.einsum("ij,bjhw->bihw", colours @ colours.mT, gradient)
    return mixed * (deviation(gradient) / (deviation(mixed) + TINY))


def _blurred(image: Tensor) -> Tensor:
    line = image.new_tensor(BINOMIAL)[None] / sum(BINOMIAL)
    return depthwise_conv(depthwise_conv(image, line, "reflect"), line.mT, "reflect")


def _doubled(coarse: Tensor, like: Tensor) -> Tensor:
    """Return the smaller image at the size of `like`."""
    return F.interpolate(coarse, like.shape[2:], mode="bilinear", align_corners=False)


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
