"""TensorFlow's padding, which networks that were trained there want."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn


class SamePadding(nn.Module):
    """TensorFlow's "same" padding: the odd pixel goes to the right and to the bottom."""

    def __init__(self, kernel: int, stride: int) -> None:
        super().__init__()
        self.kernel = kernel
        self.stride = stride

    def forward(self, x: Tensor) -> Tensor:
        """x with zeros around it, so that a convolution yields ceil(side / stride)."""
        left, right = self._amounts(x.shape[3])
        top, bottom = self._amounts(x.shape[2])
        return F.pad(x, (left, right, top, bottom))

    def _amounts(self, side: int) -> tuple[int, int]:
        outputs = -(-side // self.stride)
        total = max((outputs - 1) * self.stride + self.kernel - side, 0)
        return total // 2, total - total // 2
