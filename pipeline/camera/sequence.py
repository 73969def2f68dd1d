"""Several moves at once, one behind the other."""

from __future__ import annotations

from pydantic import ConfigDict, SkipValidation
from pydantic.dataclasses import dataclass
from torch import Tensor

from pipeline.camera import Camera


@dataclass(frozen=True, config=ConfigDict(arbitrary_types_allowed=True))
class Sequence:
    """Several camera moves, one after the other on the same positions."""

    moves: dict[str, SkipValidation[Camera]]
    """Name -> move, made in their order; none = the camera stands still."""

    def __call__(self, positions: Tensor, time: float, rate: float) -> Tensor:
        """Return where these positions were one frame ago, through all moves."""
        for move in self.moves.values():
            positions = move(positions, time, rate)
        return positions
