"""Lens: twists the dream around a point and makes it bulge there."""

from __future__ import annotations

import math
from typing import Annotated

import torch
from pydantic import Field, FiniteFloat
from pydantic.dataclasses import dataclass
from torch import Tensor

Share = Annotated[float, Field(ge=0, le=1)]


@dataclass(frozen=True)
class Lens:
    """Rotates and enlarges the dream, most at the centre and less further out, as a Gaussian."""

    degrees_per_second: FiniteFloat
    """Clockwise rotation at the centre, in degrees per second."""
    bulge_per_second: Annotated[float, Field(ge=0.01, le=100)]
    """Factor by which the centre grows per second; below 1 it shrinks."""
    radius: Annotated[float, Field(ge=0.01, le=10)]
    """Standard deviation of the Gaussian, as a share of the picture's height."""
    centre: tuple[Share, Share]
    """Centre (x, y), as shares of width and height from the top left corner."""

    def __call__(self, positions: Tensor, time: float, rate: float) -> Tensor:
        """Return where these positions were one frame ago: turned back, nearer to the centre."""
        height, width = positions.shape[1:3]
        x, y = self.centre
        centre = positions.new_tensor([(x - 0.5) * width, (y - 0.5) * height])
        offsets = positions - centre
        distance = offsets.square().sum(dim=-1, keepdim=True) / (self.radius * height) ** 2
        weight = torch.exp(-distance / 2)
        angle = -math.radians(self.degrees_per_second) / rate * weight
        factor = torch.exp(-math.log(self.bulge_per_second) / rate * weight)
        cosine, sine = angle.cos() * factor, angle.sin() * factor
        across, down = offsets[..., :1], offsets[..., 1:]
        rotated = torch.cat([across * cosine - down * sine, across * sine + down * cosine], dim=-1)
        return rotated + centre
