"""Pan: moves the camera sideways, up or down over the dream."""

from __future__ import annotations

from pydantic import FiniteFloat
from pydantic.dataclasses import dataclass
from torch import Tensor


@dataclass(frozen=True)
class Pan:
    """Moves the camera at constant speed: the dream moves in the opposite direction."""

    right_per_second: FiniteFloat
    """Speed to the right, in picture widths per second; negative = to the left."""
    down_per_second: FiniteFloat
    """Speed downwards, in picture heights per second; negative = upwards."""

    def __call__(self, positions: Tensor, time: float, rate: float) -> Tensor:
        """Return where these positions were one frame ago: shifted in the camera's direction."""
        height, width = positions.shape[1:3]
        shift = [self.right_per_second * width / rate, self.down_per_second * height / rate]
        return positions + positions.new_tensor(shift)
