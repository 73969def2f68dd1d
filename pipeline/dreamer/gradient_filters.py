"""Filters applied to a gradient before each step: smoothing, frequency balance, decorrelation."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import torch
import torch.nn.functional as F
from torch import Tensor

from pipeline.imaging.convolution import depthwise_conv
from pipeline.imaging.natural_images import color_correlation, decay_power

BINOMIAL = (1, 4, 6, 4, 1)
"""Weights of the blur between the levels of the pyramid (Burt and Adelson 1983)."""
TINY = 1e-12
"""Added to denominators: the gradient of a flat picture may be 0."""
CASCADE = (1.0, 2.0, 4.0)
"""Standard deviations of the Gaussians, as multiples of that of the finest one."""


@dataclass(frozen=True)
class Shaping:
    """Filters of the gradient, applied before each step."""

    smoothing: float
    """Standard deviation of the finest Gaussian of the cascade, in pixels; 0: no smoothing."""
    pyramid: int
    """Number of bands of the Laplacian pyramid that are normalized to equal strength; 0: none."""
    falloff: float
    """Exponent p of the factor 1 / frequency^p on each frequency; 0: no change."""
    decorrelation: float
    """Share of the gradient, in [0, 1], whose colours are mixed as they are in photographs."""

    def __call__(self, gradient: Tensor) -> Tensor:
        """Return the filtered gradient, (1, 3, H, W)."""
        if self.decorrelation:
            gradient = gradient.lerp(_decorrelate(gradient), self.decorrelation)
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
        """Smallest side of a gradient in pixels, as it is mirrored at its edges."""
        smoothed = cascade_radius(self.smoothing) + 1 if self.smoothing else 1
        # the coarsest band that is blurred must have one pixel more than the radius of the blur
        blurred = (len(BINOMIAL) // 2 + 1) << (self.pyramid - 2) if self.pyramid > 1 else 1
        return max(smoothed, blurred)


def deviation(gradient: Tensor) -> Tensor:
    """Return the standard deviation, a scalar; on a CPU `Tensor.std` takes three times as long."""
    if gradient.device.type != "cpu":
        return gradient.std()
    # in rows, as a norm sums sequentially: over millions of values it would lose precision
    rows = torch.linalg.vector_norm(gradient, dim=3)
    length, mean = float(torch.linalg.vector_norm(rows)), float(gradient.mean())
    return torch.tensor(max(length**2 / gradient.numel() - mean**2, 0) ** 0.5)


def laplacian_normalize(gradient: Tensor, bands: int) -> Tensor:
    """Return the gradient with each band of its Laplacian pyramid divided by its root mean square.

    Mordvintsev, Olah, Tyka 2015, TensorFlow's deepdream tutorial: all scales grow equally, although
    the network's gradient has little of the low frequencies. bands: number of bands, including the
    low-pass residual.
    """
    if bands == 1:
        return gradient / (gradient.square().mean().sqrt() + TINY)
    coarse = _blur(gradient)[:, :, ::2, ::2]
    fine = gradient - _upsample(coarse, gradient)
    return fine / (fine.square().mean().sqrt() + TINY) + _upsample(
        laplacian_normalize(coarse, bands - 1), gradient
    )


def scale_frequencies(gradient: Tensor, power: float) -> Tensor:
    """Return the gradient with each frequency multiplied by 1 / frequency^power; its mean is 0.

    Olah, Mordvintsev, Schubert 2017: as the gradient in a Fourier basis scaled like the spectrum of
    photographs, but for an image that is still parametrised by its pixels.
    """
    height, width = gradient.shape[2:]
    waves = torch.fft.rfft2(gradient) * decay_power(height, width, power, gradient.device)
    waves[..., 0, 0] = 0  # a colour cast over the whole picture is no motif
    broad: Tensor = torch.fft.irfft2(waves, s=(height, width))
    return broad


def _decorrelate(gradient: Tensor) -> Tensor:
    """Return the gradient in three colours that vary independently in photographs, as RGB.

    Its standard deviation is unchanged; differences in colour alone are reduced.
    """
    colours = color_correlation(gradient)
    mixed = torch.einsum("ij,bjhw->bihw", colours @ colours.mT, gradient)
    return mixed * (deviation(gradient) / (deviation(mixed) + TINY))


def _blur(image: Tensor) -> Tensor:
    line = image.new_tensor(BINOMIAL)[None] / sum(BINOMIAL)
    return depthwise_conv(depthwise_conv(image, line, "reflect"), line.mT, "reflect")


def _upsample(coarse: Tensor, like: Tensor) -> Tensor:
    """Return the image upsampled to the size of `like`."""
    return F.interpolate(coarse, like.shape[2:], mode="bilinear", align_corners=False)


@lru_cache(maxsize=8)  # needed at every step
def cascade_kernel(sigma: float, device: torch.device) -> Tensor:
    """Return the mean of three Gaussians of sigma, 2 sigma and 4 sigma pixels, (k, k), with sum 1.

    It is cut off at 1.5 standard deviations of the widest: what is further out makes no visible
    difference.
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
    """Return the radius of the kernel in pixels."""
    return max(1, round(1.5 * CASCADE[-1] * sigma))
