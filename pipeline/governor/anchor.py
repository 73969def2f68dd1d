"""Anchor: keeps luminance, contrast, colour and detail near a set-point.

Fed back a thousand times, a dream saturates, darkens or bleaches. Pulling the statistics of each
frame slightly towards a set-point avoids this and, unlike histogram matching, leaves the palette
free.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Annotated

import torch
from pydantic import Field
from pydantic.dataclasses import dataclass
from torch import Tensor

from pipeline.canvas import Canvas, Strength
from pipeline.imaging.metrics import blur, image_statistics, luminance

Share = Annotated[float, Field(gt=0, lt=1)]
LEAST = 1e-4
"""Smallest standard deviation that is corrected; less is rounding error in a flat image."""
DETAIL_LIMIT = 1.5
"""Local detail, as a multiple of its set-point, above which it is softened."""
DETAIL_BLUR = 6.0
"""Standard deviation, in pixels, of the blur over which the local detail is measured."""
STRENGTHS = (0.25, 2.0)
"""Smallest and largest factor on the gradient steps."""


@dataclass(frozen=True)
class Anchor:
    """Pulls the carried dream towards the set-point, and adapts the step size to its detail.

    Changes only dreams without footage: the picture under a dream keeps it stable.
    """

    luminance: Share
    """Mean luminance, in [0, 1]. Luminance has Rec. 709 weights everywhere."""
    contrast: Share
    """Standard deviation of the luminance."""
    chroma: Share
    """Root mean square distance of the colours from grey, without a cast of the whole frame."""
    high_band: Share
    """Standard deviation of the luminance detail finer than a blur of 1.2 pixels. Steps are scaled
    by its ratio to the actual detail, and detail that exceeds it locally is softened."""
    clipped: Share
    """Share of values at 0 or 1 above which the contrast is reduced further."""
    seconds: Annotated[float, Field(gt=0, le=3600)]
    """Time constant of the correction: the time in which 63 % of a deviation is removed."""

    @torch.no_grad()
    def __call__(self, canvas: Canvas, *, rate: float, steady: bool) -> Canvas:
        """Return the canvas with one frame's share of its deviations removed."""
        if canvas.picture is not None:
            return canvas
        image = canvas.layer
        now = image_statistics(image)
        pull = 1 - math.exp(-1 / (self.seconds * rate))
        contrast = _correction(self.contrast, now.contrast)
        contrast = contrast * (self.clipped / now.clipped.clamp(min=LEAST)).clamp(max=1)
        chroma = _correction(self.chroma, now.chroma)
        light = luminance(image)
        colour = image - light
        cast = colour.mean(dim=(2, 3), keepdim=True)
        light = now.luminance.lerp(now.luminance.new_tensor(self.luminance), pull) + (
            light - now.luminance
        ) * contrast.pow(pull)
        light = light - _excess(light, DETAIL_LIMIT * self.high_band, pull)
        # A colour cast of the whole frame fades out; colours that vary within it are scaled.
        colour = cast * (1 - pull) + (colour - cast) * chroma.pow(pull)
        factor = (self.high_band / now.high_band.clamp(min=LEAST)).clamp(*STRENGTHS)
        strength = Strength.alike(factor)
        return replace(canvas, layer=(light + colour).clamp_(0, 1), strength=strength)


def _correction(wanted: float, now: Tensor) -> Tensor:
    """Return the factor that brings a deviation to `wanted`, a scalar; 1 if it is below LEAST."""
    return torch.where(now < LEAST, 1.0, wanted / now.clamp(min=LEAST))


def _excess(light: Tensor, limit: float, pull: float) -> Tensor:
    """Return the fine detail to subtract, (1, 1, H, W), where its local deviation exceeds `limit`.

    pull: one frame's share of the correction.
    """
    fine = light - blur(light)
    local_deviation = blur(fine.square(), DETAIL_BLUR).clamp(min=LEAST**2).sqrt()
    return fine * (1 - (limit / local_deviation).clamp(max=1).pow(pull))
