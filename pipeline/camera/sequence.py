"""Sequence: several camera moves combined."""

from __future__ import annotations

from pydantic import ConfigDict, SkipValidation
from pydantic.dataclasses import dataclass
from torch import Tensor

from pipeline.camera import Camera


@dataclass(frozen=True, config=ConfigDict(arbitrary_types_allowed=True))
class Sequence:
    """Applies several camera moves, one after the other, in every frame."""

    moves: dict[str, SkipValidation[Camera]]
    """Name -> move, in the order in which they are applied; empty: the camera does not move."""

    def __call__(self, positions: Tensor, time: float, rate: float) -> Tensor:
        """Return where these positions were one frame ago, after all moves."""
        for move in self.moves.values():
            positions = move(positions, time, rate)
        return positions
