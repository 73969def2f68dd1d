"""Keeps a carried dream layer as strong as it began, in each band of waves and at each place.

Upkeep adds to a layer and resampling takes from it, more of short waves than of long ones, and both
differ from scene to scene: left alone, the layer of a still scene grows and that of a moving one
fades. Its level is that of the first dream of the shot; it moves with the picture, and what enters
the frame is to become as strong as what it enters beside.
"""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from typing import Annotated

import torch
import torch.nn.functional as F
from pydantic import Field
from pydantic.dataclasses import dataclass
from torch import Tensor

from pipeline.canvas import Canvas, Strength
from pipeline.imaging.layer_level import LayerLevel, at_places, measure
from pipeline.imaging.metrics import split_bands

LACK_EXPONENT = 2.5
"""Of what the coarse band lacks, as a factor on steps at smaller sizes. A place that is uncovered
has fine detail at once, but coarse detail grows over many frames: with an exponent of 1 it stays at
half of its energy where much is hidden and uncovered."""
Share = Annotated[float, Field(ge=0.5, le=2)]
LEAST = 1e-5
"""Of a root mean square: there is nothing to strengthen where there is less."""


@dataclass(frozen=True)
class Level:
    """Multiplies each band of the layer by what it lacks or has too much of, and lengthens the
    steps where the layer lacks more than that.
    """

    most: Annotated[float, Field(ge=1, le=2)]
    """The largest factor by which a band is strengthened in a frame, where the dream has matured;
    1 / most^2 is the least. Carrying takes a few per cent a frame; more must be dreamt."""
    aim: tuple[Share, Share, Share]
    """Root mean square that fine, middle and coarse detail are brought to, in shares of the level.
    What follows, the steps and the next resampling, leaves fine and coarse detail weaker."""
    longest_step: Annotated[float, Field(ge=1, le=10)]
    """The largest factor on a step at full size."""
    longest_coarse_step: Annotated[float, Field(ge=1, le=10)]
    """The largest factor on a step at a smaller size."""

    @torch.no_grad()
    def __call__(self, canvas: Canvas, *, rate: float, steady: bool) -> Canvas:
        """Return the canvas with its layer at its level."""
        if canvas.level is None:
            return canvas
        if not steady:
            return replace(canvas, level=LayerLevel.of(canvas.layer))
        level = canvas.level.as_in_shot()
        bands = list(split_bands(canvas.layer))
        now = measure(bands)
        size = (now.shape[2], now.shape[3])
        maturity, kept = (
            at_places(share.expand_as(canvas.maturity), size)
            for share in (canvas.maturity, canvas.kept)
        )
        aim = level.places * _channels(self.aim, now.device)
        lacking = torch.where(now < LEAST, 1.0, aim / now.clamp(min=LEAST))
        # An immature dream grows by gradient steps alone, but is weakened where it is too strong.
        factors = lacking.pow(torch.where(lacking > 1, maturity, 1.0))
        factors = factors.clamp(self.most**-2, self.most)
        steps = lacking / (kept * factors).clamp(min=LEAST)
        full = steps[:, :2].amax(dim=1, keepdim=True).clamp(1, self.longest_step)
        smaller = steps[:, 2:].pow(LACK_EXPONENT).clamp(1, self.longest_coarse_step)
        layer = torch.zeros_like(canvas.layer)
        for band, factor in zip(bands, torch.split(factors, 1, dim=1), strict=True):
            layer.addcmul_(band, _everywhere(factor, layer))
        strength = Strength(_everywhere(full, layer), _everywhere(smaller, layer))
        return replace(canvas, layer=layer, level=level, strength=strength)


@lru_cache(maxsize=8)  # so that a GPU does not wait for it at every frame
def _channels(values: tuple[float, ...], device: torch.device) -> Tensor:
    """Return the values, one for each channel: (C, 1, 1)."""
    return torch.tensor(values, device=device)[:, None, None]


def _everywhere(places: Tensor, image: Tensor) -> Tensor:
    """Return numbers of places (1, 1, h, w) for each pixel of the image, (1, 1, H, W)."""
    return F.interpolate(places, image.shape[2:], mode="bilinear")
