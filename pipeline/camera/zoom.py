"""Zoom: enlarges the dream and, for a spiral, rotates it as well."""

from __future__ import annotations

import math
from typing import Annotated

import torch
from pydantic import Field, FiniteFloat
from pydantic.dataclasses import dataclass
from torch import Tensor

Share = Annotated[float, Field(ge=0, le=1)]


@dataclass(frozen=True)
class Zoom:
    """Enlarges and rotates the carried dream around a fixed point."""

    zoom_per_second: Annotated[float, Field(ge=0.01, le=100)]
    """Factor by which the dream grows per second; 1 = no zoom, below 1 = zooms out."""
    degrees_per_second: FiniteFloat
    """Clockwise rotation of the dream, in degrees per second."""
    centre: tuple[Share, Share]
    """Fixed point (x, y), as shares of width and height from the top left corner."""

    def __call__(self, positions: Tensor, time: float, rate: float) -> Tensor:
        """Return where these positions were one frame ago: turned back, nearer to the centre."""
        height, width = positions.shape[1:3]
        x, y = self.centre
        centre = positions.new_tensor([(x - 0.5) * width, (y - 0.5) * height])
        # Row vectors times this matrix rotate by -angle; as y points down, +angle is clockwise.
        angle = math.radians(self.degrees_per_second) / rate
        cosine, sine = math.cos(angle), math.sin(angle)
        rotation = positions.new_tensor([[cosine, -sine], [sine, cosine]])
        factor = self.zoom_per_second ** (1 / rate)
        return torch.matmul(positions - centre, rotation / factor) + centre
