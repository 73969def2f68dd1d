"""Moves over the dream sideways, up or down."""

from __future__ import annotations

from pydantic import FiniteFloat
from pydantic.dataclasses import dataclass
from torch import Tensor


@dataclass(frozen=True)
class Pan:
    """The camera moves; what is carried moves the other way, mirrored in at the far edge."""

    right_per_second: FiniteFloat
    """Widths of the picture a second; negative = to the left."""
    down_per_second: FiniteFloat
    """Heights a second; negative = up."""

    def __call__(self, positions: Tensor, time: float, rate: float) -> Tensor:
        """Return where these positions were one frame ago: further along the camera's way."""
        height, width = positions.shape[1:3]
        moved = [self.right_per_second * width / rate, self.down_per_second * height / rate]
        return positions + positions.new_tensor(moved)
