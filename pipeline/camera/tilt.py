"""Turns its head: the dream is seen in perspective, as a wall that one looks along."""

from __future__ import annotations

import math
from typing import Annotated

import torch
from pydantic import Field, FiniteFloat
from pydantic.dataclasses import dataclass
from torch import Tensor

LEAST_DEPTH = 0.05
"""Of a ray, of 1: what lies nearly beside the camera would be infinitely far out."""


@dataclass(frozen=True)
class Tilt:
    """A pinhole camera that turns about its own place; what is carried bends away as it leaves."""

    up_per_second: FiniteFloat
    """Degrees that it looks further up after a second."""
    right_per_second: FiniteFloat
    """Degrees that it looks further to the right after a second."""
    field_of_view: Annotated[float, Field(ge=5, le=150)]
    """Degrees across the width; a wide one bends more."""

    def __call__(self, positions: Tensor, time: float, rate: float) -> Tensor:
        """Return where these positions were one frame ago: their rays, turned back, meet the
        picture.
        """
        focus = positions.shape[2] / 2 / math.tan(math.radians(self.field_of_view) / 2)
        up, right = (
            math.radians(speed) / rate for speed in (self.up_per_second, self.right_per_second)
        )
        pitch = [[1, 0, 0], [0, math.cos(up), -math.sin(up)], [0, math.sin(up), math.cos(up)]]
        yaw = [
            [math.cos(right), 0, math.sin(right)],
            [0, 1, 0],
            [-math.sin(right), 0, math.cos(right)],
        ]
        turn = positions.new_tensor(yaw) @ positions.new_tensor(pitch)
        depth = torch.full_like(positions[..., :1], focus)
        rays = torch.cat([positions, depth], dim=-1) @ turn.T
        far = rays[..., 2:].clamp(min=LEAST_DEPTH * focus)
        return rays[..., :2] * (focus / far)
