"""Parametrisations of an image that is optimised: pixels, waves, or only the waves' phases.

Olah, Mordvintsev, Schubert 2017, "Feature Visualization": the same gradient leads to another
picture in another parametrisation. All of them mix their three channels to colours as photographs
do.
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
"""How near to 0 and 1 an image may come before its logit: there the float ends."""

Falloff = Annotated[float, Field(ge=0, le=3)]


class Parametrisation(Protocol):
    """A way to write an image as numbers, and back."""

    def parameters(self, image: Image) -> Tensor:
        """Return the numbers that give this image, (1, 3, H, W) in [0, 1], or come as near as they
        can.
        """

    def image(self, parameters: Tensor, width: int) -> Image:
        """Return the image (1, 3, H, W) that these numbers give, W = width pixels;
        differentiable."""


@dataclass(frozen=True)
class Pixels:
    """Every pixel by itself."""

    def parameters(self, image: Image) -> Tensor:
        """Return (1, 3, H, W), the pixels' own."""
        return _plain(image)

    def image(self, parameters: Tensor, width: int) -> Image:
        """Return the image of these pixels."""
        return _coloured(parameters)


@dataclass(frozen=True)
class Fourier:
    """The amplitudes of waves, each as easily changed as there is of it in photographs."""

    falloff: Falloff
    """The waves' amplitude falls as 1 / frequency to this power; 0 = as pixels, 1 = as in
    photographs, more = softer."""

    def parameters(self, image: Image) -> Tensor:
        """Return (1, 3, H, W // 2 + 1, 2), real and imaginary."""
        waves = torch.fft.rfft2(_plain(image), norm="ortho")
        strong = decay_power(image.shape[2], image.shape[3], self.falloff, image.device)
        return torch.view_as_real(waves / strong)

    def image(self, parameters: Tensor, width: int) -> Image:
        """Return the image in which these waves meet."""
        waves = torch.view_as_complex(parameters.contiguous())
        strong = decay_power(waves.shape[2], width, self.falloff, waves.device)
        size = (waves.shape[2], width)
        return _coloured(torch.fft.irfft2(waves * strong, s=size, norm="ortho"))


@dataclass(frozen=True)
class Maco:
    """Only where each wave has its crests; how strong it is, is that of photographs.

    Fel et al. 2023, "Unlocking Feature Visualization for Deeper Networks with MAgnitude Constrained
    Optimization" (MACO). A power of the frequency stands for the mean spectrum of ImageNet, so that
    nothing needs to be downloaded.
    """

    falloff: Falloff
    """As of Fourier."""
    contrast: Annotated[float, Field(gt=0, le=5)]
    """Standard deviation of the image before it is squashed into [0, 1]."""
    brightness: Annotated[float, Field(ge=-3, le=3)]
    """Mean of the image before that, 0 = grey."""

    def parameters(self, image: Image) -> Tensor:
        """Return (1, 3, H, W // 2 + 1), radians."""
        waves: Tensor = torch.fft.rfft2(_plain(image), norm="ortho")
        return waves.angle()

    def image(self, parameters: Tensor, width: int) -> Image:
        """Return the image in which waves of these phases meet."""
        height = parameters.shape[2]
        strong = decay_power(height, width, self.falloff, parameters.device)
        strong[0, 0] = 0  # the mean has no phase
        waves = torch.polar(strong.expand_as(parameters), parameters)
        plain = torch.fft.irfft2(waves, s=(height, width), norm="ortho")
        return _coloured(plain / plain.std() * self.contrast, self.brightness)


def _coloured(plain: Tensor, brightness: float = 0.0) -> Image:
    """Return the image in [0, 1] from three channels that vary independently, of any values."""
    mixed = torch.einsum("ij,bjhw->bihw", color_correlation(plain), plain)
    return torch.sigmoid(mixed + brightness)


def _plain(image: Image) -> Tensor:
    """Return the independent channels that give this image."""
    unmixing = torch.linalg.inv(color_correlation(image))
    return torch.einsum("ij,bjhw->bihw", unmixing, torch.logit(image, EDGE))
