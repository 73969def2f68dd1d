"""Parametrisations of an optimised image: pixels, Fourier coefficients, or only their phases.

Olah, Mordvintsev, Schubert 2017, "Feature Visualization": the parametrisation determines which
picture an optimisation finds. All of them use three channels that vary independently in
photographs, and convert them to RGB.
"""

from __future__ import annotations

from typing import Annotated, Protocol

import torch
from pydantic import Field
from pydantic.dataclasses import dataclass
from torch import Tensor

from pipeline.frame import Image
from pipeline.imaging.natural_images import color_correlation, decay_power

EDGE = 1e-4
"""Distance from 0 and 1 to which values are clamped before the logit, which is infinite there."""

Falloff = Annotated[float, Field(ge=0, le=3)]


class Parametrisation(Protocol):
    """A mapping between an image and the parameters that are optimised."""

    def parameters(self, image: Image) -> Tensor:
        """Return the parameters that represent this image, (1, 3, H, W) in [0, 1], most closely."""

    def image(self, parameters: Tensor, width: int) -> Image:
        """Return the image (1, 3, H, W) with these parameters; differentiable. width: W, pixels."""


@dataclass(frozen=True)
class Pixels:
    """The pixel values, before a sigmoid that maps them to [0, 1]."""

    def parameters(self, image: Image) -> Tensor:
        """Return the pixels in decorrelated colours, (1, 3, H, W)."""
        return _to_channels(image)

    def image(self, parameters: Tensor, width: int) -> Image:
        """Return the image with these pixels."""
        return _to_rgb(parameters)


@dataclass(frozen=True)
class Fourier:
    """Fourier coefficients, scaled by the spectrum of photographs."""

    falloff: Falloff
    """Exponent p of the scale 1 / frequency^p: 0 = as pixels, 1 = as in photographs, more =
    softer."""

    def parameters(self, image: Image) -> Tensor:
        """Return the scaled coefficients, (1, 3, H, W // 2 + 1, 2): real and imaginary parts."""
        waves = torch.fft.rfft2(_to_channels(image), norm="ortho")
        magnitudes = decay_power(image.shape[2], image.shape[3], self.falloff, image.device)
        return torch.view_as_real(waves / magnitudes)

    def image(self, parameters: Tensor, width: int) -> Image:
        """Return the image with these coefficients."""
        waves = torch.view_as_complex(parameters.contiguous())
        magnitudes = decay_power(waves.shape[2], width, self.falloff, waves.device)
        size = (waves.shape[2], width)
        return _to_rgb(torch.fft.irfft2(waves * magnitudes, s=size, norm="ortho"))


@dataclass(frozen=True)
class Maco:
    """The phases of the Fourier coefficients; the magnitudes are fixed to those of photographs.

    Fel et al. 2023, "Unlocking Feature Visualization for Deeper Networks with MAgnitude Constrained
    Optimization" (MACO). Unlike there, a power of the frequency replaces the mean spectrum of
    ImageNet, so that nothing needs to be downloaded.
    """

    falloff: Falloff
    """Exponent p of the magnitude 1 / frequency^p, as in Fourier."""
    contrast: Annotated[float, Field(gt=0, le=5)]
    """Standard deviation of the decorrelated channels, before the sigmoid."""
    brightness: Annotated[float, Field(ge=-3, le=3)]
    """Mean of the image before the sigmoid; 0 = grey."""

    def parameters(self, image: Image) -> Tensor:
        """Return the phases in radians, (1, 3, H, W // 2 + 1)."""
        waves: Tensor = torch.fft.rfft2(_to_channels(image), norm="ortho")
        return waves.angle()

    def image(self, parameters: Tensor, width: int) -> Image:
        """Return the image with these phases."""
        height = parameters.shape[2]
        magnitudes = decay_power(height, width, self.falloff, parameters.device)
        magnitudes[0, 0] = 0  # the mean has no phase
        waves = torch.polar(magnitudes.expand_as(parameters), parameters)
        plain = torch.fft.irfft2(waves, s=(height, width), norm="ortho")
        return _to_rgb(plain / plain.std() * self.contrast, self.brightness)


def _to_rgb(plain: Tensor, brightness: float = 0.0) -> Image:
    """Return the RGB image in [0, 1] for three decorrelated channels with any values."""
    mixed = torch.einsum("ij,bjhw->bihw", color_correlation(plain), plain)
    return torch.sigmoid(mixed + brightness)


def _to_channels(image: Image) -> Tensor:
    """Return the decorrelated channels of the RGB image, the inverse of `_to_rgb`."""
    unmixing = torch.linalg.inv(color_correlation(image))
    return torch.einsum("ij,bjhw->bihw", unmixing, torch.logit(image, EDGE))
