"""TensorFlow's padding, for networks that were trained with it."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn


class SamePadding(nn.Module):
    """TensorFlow's "same" padding: an odd pixel is added at the right or bottom."""

    def __init__(self, kernel: int, stride: int) -> None:
        super().__init__()
        self.kernel = kernel
        self.stride = stride

    def forward(self, x: Tensor) -> Tensor:
        """Return x padded with zeros so that a convolution yields ceil(side / stride) per side."""
        left, right = self._amounts(x.shape[3])
        top, bottom = self._amounts(x.shape[2])
        return F.pad(x, (left, right, top, bottom))

    def _amounts(self, side: int) -> tuple[int, int]:
        outputs = -(-side // self.stride)
        total = max((outputs - 1) * self.stride + self.kernel - side, 0)
        return total // 2, total - total // 2
