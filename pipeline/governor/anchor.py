"""Holds light, contrast, colour and detail near a set-point, whatever the layer would rather do.

Fed back a thousand times, a dream saturates, darkens or bleaches. Pulling each frame's statistics
a little towards fixed ones keeps its palette free, as matching whole histograms would not.
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
"""Of a deviation. Less is rounding: in a flat image there is nothing that could be made more of."""
PLENTY = 1.5
"""How many times the set-point the detail may be at a place, before it is softened there."""
PLACE = 6.0
"""Pixels, deviation of the blur over which detail is one place's."""
STRENGTHS = (0.25, 2.0)
"""The least and the largest factor on a step."""


@dataclass(frozen=True)
class Anchor:
    """Pulls what was carried towards the set-point, and steps less where detail abounds."""

    luminance: Share
    """Mean luminance, in [0, 1] (Rec. 709 weights, as all here)."""
    contrast: Share
    """Standard deviation of the luminance."""
    chroma: Share
    """Standard deviation of the colours from the luminance."""
    high_band: Share
    """Deviation of what is finer than a blur of 1.2 pixels; a step is as much smaller as there is
    more of it, and where content stays long enough for stripes to grow they are softened."""
    clipped: Share
    """Share of values at 0 or 1 above which contrast gives way too."""
    seconds: Annotated[float, Field(gt=0, le=3600)]
    """In which 63 % of a deviation is gone."""

    @torch.no_grad()
    def __call__(self, canvas: Canvas, *, rate: float, steady: bool) -> Canvas:
        """Return the canvas with a frame's share of its deviations gone.

        Over footage it is left as it is: the picture under the dream holds it.
        """
        if canvas.picture is not None:
            return canvas
        image = canvas.layer
        now = image_statistics(image)
        pull = 1 - math.exp(-1 / (self.seconds * rate))
        contrast = _gain(self.contrast, now.contrast)
        contrast = contrast * (self.clipped / now.clipped.clamp(min=LEAST)).clamp(max=1)
        chroma = _gain(self.chroma, now.chroma)
        light = luminance(image)
        colour = image - light
        cast = colour.mean(dim=(2, 3), keepdim=True)
        light = now.luminance.lerp(now.luminance.new_tensor(self.luminance), pull) + (
            light - now.luminance
        ) * contrast.pow(pull)
        light = light - _excess(light, PLENTY * self.high_band, pull)
        # A cast of the whole frame fades, what varies within it is scaled.
        colour = cast * (1 - pull) + (colour - cast) * chroma.pow(pull)
        factor = (self.high_band / now.high_band.clamp(min=LEAST)).clamp(*STRENGTHS)
        strength = Strength.alike(factor)
        return replace(canvas, layer=(light + colour).clamp_(0, 1), strength=strength)


def _gain(wanted: float, now: Tensor) -> Tensor:
    """Return what a deviation is to be multiplied by, a scalar; 1 where there is none."""
    return torch.where(now < LEAST, 1.0, wanted / now.clamp(min=LEAST))


def _excess(light: Tensor, limit: float, pull: float) -> Tensor:
    """Return the share of the finest detail to take away, (1, 1, H, W), where it is above the
    limit.
    """
    fine = light - blur(light)
    there = blur(fine.square(), PLACE).clamp(min=LEAST**2).sqrt()
    return fine * (1 - (limit / there).clamp(max=1).pow(pull))
