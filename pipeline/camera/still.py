"""A camera that does not move."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True)
class Still:
    """Adds no motion to that of the footage."""

    def __call__(self, positions: Tensor, time: float, rate: float) -> Tensor:
        """Return the positions unchanged."""
        return positions
