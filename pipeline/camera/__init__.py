"""Contract: motion that is prescribed, in addition to what was filmed. One file per family."""

from __future__ import annotations

from typing import Protocol

from torch import Tensor


class Camera(Protocol):
    """A map on pixel positions: where I look now -> where that was one frame ago."""

    def __call__(self, positions: Tensor, time: float, rate: float) -> Tensor:
        """Return the positions of one frame ago, (1, H, W, 2), from positions of now, the same
        shape.

        Positions are pixels (x, y) from the picture's centre. time: seconds since frame 0; rate:
        frames a second, so that a speed per second becomes one per frame.
        """
