"""A lens over the dream: twists it about a point, and lets it swell there."""

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
    """Turns and enlarges most at its centre, and less further out, as a Gaussian does."""

    degrees_per_second: FiniteFloat
    """Degrees that the centre turns in a second, clockwise."""
    bulge_per_second: Annotated[float, Field(ge=0.01, le=100)]
    """Factor by which the centre grows in a second; below 1 = drawn in."""
    radius: Annotated[float, Field(ge=0.01, le=10)]
    """The Gaussian's deviation, in heights of the picture."""
    centre: tuple[Share, Share]
    """(x, y) in shares of width and height from the top left corner."""

    def __call__(self, positions: Tensor, time: float, rate: float) -> Tensor:
        """Return where these positions were one frame ago: turned back, and nearer to the
        centre."""
        height, width = positions.shape[1:3]
        x, y = self.centre
        centre = positions.new_tensor([(x - 0.5) * width, (y - 0.5) * height])
        away = positions - centre
        distance = away.square().sum(dim=-1, keepdim=True) / (self.radius * height) ** 2
        share = torch.exp(-distance / 2)
        angle = -math.radians(self.degrees_per_second) / rate * share
        factor = torch.exp(-math.log(self.bulge_per_second) / rate * share)
        cosine, sine = angle.cos() * factor, angle.sin() * factor
        across, down = away[..., :1], away[..., 1:]
        turned = torch.cat([across * cosine - down * sine, across * sine + down * cosine], dim=-1)
        return turned + centre
