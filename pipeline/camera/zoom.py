"""Flies into the dream, turning if asked: zoom and spiral are one family."""

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
    """Enlarges and turns the carried dream about a point."""

    zoom_per_second: Annotated[float, Field(ge=0.01, le=100)]
    """Factor by which it grows in a second; 1 = stays, below 1 = flies out."""
    degrees_per_second: FiniteFloat
    """Degrees that it turns in a second, clockwise."""
    centre: tuple[Share, Share]
    """The point that stands still, (x, y) in shares of width and height from the top left."""

    def __call__(self, positions: Tensor, time: float, rate: float) -> Tensor:
        """Return where these positions were one frame ago: nearer to the centre, and turned
        back."""
        height, width = positions.shape[1:3]
        x, y = self.centre
        centre = positions.new_tensor([(x - 0.5) * width, (y - 0.5) * height])
        # Rows times a matrix that turns by minus the angle; y points down, so plus is clockwise.
        angle = math.radians(self.degrees_per_second) / rate
        cosine, sine = math.cos(angle), math.sin(angle)
        turn = positions.new_tensor([[cosine, -sine], [sine, cosine]])
        factor = self.zoom_per_second ** (1 / rate)
        return torch.matmul(positions - centre, turn / factor) + centre
