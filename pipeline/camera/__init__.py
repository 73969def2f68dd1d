"""Contract of cameras: prescribed motion, added to that of the footage. One file per family."""

from __future__ import annotations

from typing import Protocol

from torch import Tensor


class Camera(Protocol):
    """Maps pixel positions to those of the same content one frame ago."""

    def __call__(self, positions: Tensor, time: float, rate: float) -> Tensor:
        """Return where these positions were one frame ago, (1, H, W, 2), same shape.

        positions: (x, y) in pixels from the centre of the picture. time: seconds since frame 0.
        rate: frames per second, which converts speeds per second to speeds per frame.
        """
