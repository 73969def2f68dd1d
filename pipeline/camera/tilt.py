"""Tilt: the camera rotates in place, and the dream is seen in perspective."""

from __future__ import annotations

import math
from typing import Annotated

import torch
from pydantic import Field, FiniteFloat
from pydantic.dataclasses import dataclass
from torch import Tensor

LEAST_DEPTH = 0.05
"""Smallest depth of a ray, relative to the focal length: at 90 degrees to the view it would meet
the picture at infinity."""


@dataclass(frozen=True)
class Tilt:
    """A pinhole camera that rotates around its centre of projection."""

    up_per_second: FiniteFloat
    """Upward rotation, in degrees per second; negative = downward."""
    right_per_second: FiniteFloat
    """Rotation to the right, in degrees per second; negative = to the left."""
    field_of_view: Annotated[float, Field(ge=5, le=150)]
    """Horizontal field of view in degrees; a wider one distorts more."""

    def __call__(self, positions: Tensor, time: float, rate: float) -> Tensor:
        """Return where these positions were one frame ago: the ends of their rotated rays."""
        focal_length = positions.shape[2] / 2 / math.tan(math.radians(self.field_of_view) / 2)
        up, right = (
            math.radians(speed) / rate for speed in (self.up_per_second, self.right_per_second)
        )
        pitch = [[1, 0, 0], [0, math.cos(up), -math.sin(up)], [0, math.sin(up), math.cos(up)]]
        yaw = [
            [math.cos(right), 0, math.sin(right)],
            [0, 1, 0],
            [-math.sin(right), 0, math.cos(right)],
        ]
        rotation = positions.new_tensor(yaw) @ positions.new_tensor(pitch)
        depth = torch.full_like(positions[..., :1], focal_length)
        rays = torch.cat([positions, depth], dim=-1) @ rotation.T
        depths = rays[..., 2:].clamp(min=LEAST_DEPTH * focal_length)
        return rays[..., :2] * (focal_length / depths)
