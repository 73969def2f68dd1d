"""Level: keeps a carried dream layer as strong as in the first dream of its shot.

Upkeep strengthens a layer and resampling weakens it, high frequencies more than low ones. As both
depend on the scene, an uncorrected layer would grow in a still scene and fade in a moving one. The
level is measured in three frequency bands and in cells of the frame, in the first dream of the
shot. It moves with the picture; where content enters the frame, it is that of the neighbouring
cells.
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
from pipeline.imaging.cells import cell_means
from pipeline.imaging.layer_level import LayerLevel, measure
from pipeline.imaging.metrics import split_bands

LACK_EXPONENT = 2.5
"""Exponent of the factor on steps at smaller sizes, whose base is the ratio of the coarse band's
target to its strength. Uncovered content gets fine detail at once, but coarse detail grows over
many frames: with an exponent of 1 it stays at half of its energy in scenes with many occlusions."""
Share = Annotated[float, Field(ge=0.5, le=2)]
LEAST = 1e-5
"""Smallest root mean square of a band that is corrected."""


@dataclass(frozen=True)
class Level:
    """Scales each band of the layer towards its level, and lengthens the steps for what is missing
    beyond that.
    """

    most: Annotated[float, Field(ge=1, le=2)]
    """Largest factor on a band per frame, applied in full where the dream is mature; the smallest
    is 1 / most^2. Carrying a layer weakens it by a few per cent per frame; what is missing beyond
    that must be dreamt."""
    aim: tuple[Share, Share, Share]
    """Target root mean square of fine, middle and coarse detail, as shares of the level. Above 1
    where the following steps and the next resampling weaken a band."""
    longest_step: Annotated[float, Field(ge=1, le=10)]
    """Largest factor on steps at full size."""
    longest_coarse_step: Annotated[float, Field(ge=1, le=10)]
    """Largest factor on steps at smaller sizes."""

    @torch.no_grad()
    def __call__(self, canvas: Canvas, *, rate: float, steady: bool) -> Canvas:
        """Return the canvas with its layer scaled towards its level.

        If not steady, the layer is unchanged and its present strength becomes the level.
        """
        if canvas.level is None:
            return canvas
        if not steady:
            return replace(canvas, level=LayerLevel.of(canvas.layer))
        level = canvas.level.as_in_shot()
        bands = list(split_bands(canvas.layer))
        now = measure(bands)
        size = (now.shape[2], now.shape[3])
        maturity, kept = (
            cell_means(share.expand_as(canvas.maturity), size)
            for share in (canvas.maturity, canvas.kept)
        )
        aim = level.places * _channels(self.aim, now.device) * canvas.level_factor
        ratios = torch.where(now < LEAST, 1.0, aim / now.clamp(min=LEAST))
        # An immature dream is strengthened by gradient steps only, but weakened if too strong.
        factors = ratios.pow(torch.where(ratios > 1, maturity, 1.0))
        factors = factors.clamp(self.most**-2, self.most)
        steps = ratios / (kept * factors).clamp(min=LEAST)
        full = steps[:, :2].amax(dim=1, keepdim=True).clamp(1, self.longest_step)
        smaller = steps[:, 2:].pow(LACK_EXPONENT).clamp(1, self.longest_coarse_step)
        layer = torch.zeros_like(canvas.layer)
        for band, factor in zip(bands, torch.split(factors, 1, dim=1), strict=True):
            layer.addcmul_(band, _upsample(factor, layer))
        strength = Strength(_upsample(full, layer), _upsample(smaller, layer))
        return replace(canvas, layer=layer, level=level, strength=strength)


@lru_cache(maxsize=8)  # avoids a copy to the GPU, and waiting for it, in every frame
def _channels(values: tuple[float, ...], device: torch.device) -> Tensor:
    """Return the values as a tensor with one value per channel, (C, 1, 1)."""
    return torch.tensor(values, device=device)[:, None, None]


def _upsample(places: Tensor, image: Tensor) -> Tensor:
    """Return the values of the cells (1, 1, h, w) upsampled to the image's size, (1, 1, H, W)."""
    return F.interpolate(places, image.shape[2:], mode="bilinear")
