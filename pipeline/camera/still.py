"""A camera that does not move."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True)
class Still:
    """All that moves is what was filmed."""

    def __call__(self, positions: Tensor, time: float, rate: float) -> Tensor:
        """Return the positions themselves."""
        return positions
