"""A CPU convolution with constant weights: forward pass, and gradient of its input."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable

Amounts = list[int]
"""Two values, for rows and for columns."""


@dataclass(frozen=True, eq=False, kw_only=True)
class FrozenConv:
    """A convolution with constant weights, so that only its input has a gradient."""

    weight: Tensor
    """(D, C / groups, kernel height, kernel width), in the dtype of input and output."""
    bias: Tensor | None
    """(D,), always float32. None: no bias."""
    stride: Amounts
    """Vertical and horizontal stride, in pixels."""
    dilation: Amounts
    """Vertical and horizontal dilation, in pixels."""
    groups: int
    """Number of groups of channels."""
    cap: float | None
    """Upper bound of the ReLU that is applied as the output is written; infinity for a plain ReLU.
    None: no ReLU."""
    alone: bool
    """Whether the output is used by one other such convolution only. Then nothing else needs the
    gradient of the output, and the ReLU's backward pass overwrites it."""
    phases: Phases | None
    """The backward pass. None: oneDNN's."""

    def __call__(self, x: Tensor, padding: Amounts) -> Tensor:
        """Map (1, C, H, W) to (1, D, h, w). padding: rows and columns of zeros on each side."""
        y: Tensor = _Function.apply(x, self, padding)
        return y

    def there(self, x: Tensor, padding: Amounts) -> Tensor:
        """Return the output without recording a backward pass."""
        post = ("none", []) if self.cap is None else ("hardtanh", [0.0, self.cap])
        y: Tensor = torch.ops.mkldnn._convolution_pointwise(
            x, self.weight, self.bias, padding, self.stride, self.dilation, self.groups, *post, ""
        )
        return y

    def back(self, gradient: Tensor, shape: torch.Size, padding: Amounts) -> Tensor:
        """Return the gradient of the input, of this shape, given the gradient of the output."""
        if self.phases is not None:
            return self.phases.back(gradient, *shape[2:])
        weight_dtype = self.weight.dtype
        if self.stride != [1, 1] and self.groups == shape[1]:
            # strided depthwise: without fast oneDNN code, lower precision takes 20 times as long
            gradient = gradient.float()
        # only the input's shape and layout are used
        input_like = torch.empty(shape, dtype=gradient.dtype, memory_format=torch.channels_last)
        result: Tensor = torch.ops.aten.convolution_backward(
            gradient,
            input_like,
            self.weight.to(gradient.dtype),
            None,
            self.stride,
            padding,
            self.dilation,
            False,
            [0, 0],
            self.groups,
            [True, False, False],
        )[0]
        return result.to(weight_dtype)

    def cut(self, gradient: Tensor, y: Tensor) -> Tensor:
        """Return the gradient of the ReLU's input, given that of its output, y.

        Overwrites `gradient` if `alone`.
        """
        arguments = (gradient, y, 0.0, self.cap)
        cut = torch.ops.aten.hardtanh_backward
        result: Tensor = (
            cut.grad_input(*arguments, grad_input=gradient) if self.alone else cut(*arguments)
        )
        return result


class _Function(torch.autograd.Function):
    """FrozenConv as an autograd function; only the input has a gradient."""

    @staticmethod
    def forward(context: Any, x: Tensor, frozen: FrozenConv, padding: Amounts) -> Tensor:
        context.frozen, context.shape, context.padding = frozen, x.shape, padding
        y = frozen.there(x, padding)
        if frozen.cap is not None:
            context.save_for_backward(y)
        return y

    @staticmethod
    @once_differentiable
    def backward(context: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        frozen: FrozenConv = context.frozen
        if frozen.cap is not None:
            gradient = frozen.cut(gradient, *context.saved_tensors)
        return frozen.back(gradient, context.shape, context.padding), None, None


@dataclass(frozen=True, eq=False)
class Phases:
    """Backward pass of a convolution with stride 2 and few input channels.

    oneDNN vectorises over the channels that it writes: 3 channels take as long as 16. The four
    pixels of a 2 x 2 block use different weights, so they are computed as 4 C channels (12 for RGB)
    of a map of half the size, by a convolution with stride 1.
    """

    kernel: Tensor
    """(4 C, D, k, k), where k = last - first + 1."""
    first: int
    """Smallest offset from a 2 x 2 block to a position of the gradient that contributes to it."""
    last: int
    """Largest such offset."""

    @staticmethod
    def of(weight: Tensor, padding: int) -> Phases:
        """Return the phases of a convolution with these weights, (D, C, K, K).

        padding: rows and columns of zeros on each side of its input.
        """
        out, channels, side, _ = weight.shape
        first, last = -((side - 1 - padding) // 2), (1 + padding) // 2
        span = last - first + 1
        kernel = weight.new_zeros(channels, 2, 2, out, span, span)
        for row in range(side):
            for column in range(side):
                # position i of the output reads pixel 2 i - padding + row
                (y, below), (x, right) = divmod(row - padding, 2), divmod(column - padding, 2)
                there = kernel[:, below, right, :, -y - first, -x - first]
                there.copy_(weight[:, :, row, column].T)
        kernel = kernel.reshape(4 * channels, out, span, span)
        return Phases(kernel.contiguous(memory_format=torch.channels_last), first, last)

    def back(self, gradient: Tensor, height: int, width: int) -> Tensor:
        """Return the gradient of the input, (1, C, height, width), given that of the output,
        (1, D, h, w).
        """
        rows, columns = -(-height // 2), -(-width // 2)
        trailing = (rows - gradient.shape[2] + self.last, columns - gradient.shape[3] + self.last)
        padding = max(-self.first, *trailing)
        start = padding + self.first
        phases = F.conv2d(gradient, self.kernel, padding=padding)
        phases = phases[:, :, start : start + rows, start : start + columns]
        return F.pixel_shuffle(phases, 2)[:, :, :height, :width]
