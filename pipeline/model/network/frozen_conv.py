"""A convolution on the CPU whose weights stay as they are: there, and back to its input."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable

Amounts = list[int]
"""Of rows and of columns."""


@dataclass(frozen=True, eq=False, kw_only=True)
class FrozenConv:
    """A convolution whose weights never change, so that only its input has a gradient."""

    weight: Tensor
    """(D, C, k, k), in the numbers that it takes and gives."""
    bias: Tensor | None
    """Float32 always."""
    stride: Amounts
    """Pixels, down and across."""
    dilation: Amounts
    """Pixels, down and across."""
    groups: int
    """Of channels."""
    cap: float | None
    """Of a ReLU behind it, done as the convolution writes: what it cuts at, infinity of one that
    has none; None = no ReLU."""
    alone: bool
    """Only another such convolution sees what it gives, so that the gradient that comes back is
    nobody else's and is cut in place."""
    phases: Phases | None
    """How it finds back; None = as oneDNN."""

    def __call__(self, x: Tensor, padding: Amounts) -> Tensor:
        """Return (1, C, H, W) -> (1, D, h, w). padding: rows and columns of zeros on both sides."""
        y: Tensor = _Function.apply(x, self, padding)
        return y

    def there(self, x: Tensor, padding: Amounts) -> Tensor:
        """Return the same without a way back."""
        post = ("none", []) if self.cap is None else ("hardtanh", [0.0, self.cap])
        y: Tensor = torch.ops.mkldnn._convolution_pointwise(
            x, self.weight, self.bias, padding, self.stride, self.dilation, self.groups, *post, ""
        )
        return y

    def back(self, gradient: Tensor, shape: torch.Size, padding: Amounts) -> Tensor:
        """Return the gradient in what went in, which had this shape, of that in what came out."""
        if self.phases is not None:
            return self.phases.back(gradient, *shape[2:])
        kind = self.weight.dtype
        if self.stride != [1, 1] and self.groups == shape[1]:
            # in fewer digits oneDNN has no code of its own for this: it takes twenty times as long
            gradient = gradient.float()
        # of the input it only wants the form
        like = torch.empty(shape, dtype=gradient.dtype, memory_format=torch.channels_last)
        found: Tensor = torch.ops.aten.convolution_backward(
            gradient,
            like,
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
        return found.to(kind)

    def cut(self, gradient: Tensor, y: Tensor) -> Tensor:
        """Return the gradient behind the ReLU, whose result y is, of that before it."""
        within = (gradient, y, 0.0, self.cap)
        cut = torch.ops.aten.hardtanh_backward
        found: Tensor = cut.grad_input(*within, grad_input=gradient) if self.alone else cut(*within)
        return found


class _Function(torch.autograd.Function):
    """It, of which only the input has a gradient."""

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
    """The way back through a convolution of every second place to few channels.

    oneDNN fills its registers with the channels that it writes: of three it takes as long as of
    sixteen. Each of four pixels (two rows, two columns) has weights of its own, so that they are 12
    channels of one map, made by a convolution of every place.
    """

    kernel: Tensor
    """(4 C, D, k, k)."""
    first: int
    """Places of the gradient from which and to which it reaches."""
    last: int
    """Places of the gradient from which and to which it reaches."""

    @staticmethod
    def of(weight: Tensor, padding: int) -> Phases:
        """Of these weights, (D, C, K, K)."""
        out, channels, side, _ = weight.shape
        first, last = -((side - 1 - padding) // 2), (1 + padding) // 2
        span = last - first + 1
        kernel = weight.new_zeros(channels, 2, 2, out, span, span)
        for row in range(side):
            for column in range(side):
                # place i of the result meets pixel 2 i - padding + row
                (y, below), (x, right) = divmod(row - padding, 2), divmod(column - padding, 2)
                there = kernel[:, below, right, :, -y - first, -x - first]
                there.copy_(weight[:, :, row, column].T)
        kernel = kernel.reshape(4 * channels, out, span, span)
        return Phases(kernel.contiguous(memory_format=torch.channels_last), first, last)

    def back(self, gradient: Tensor, height: int, width: int) -> Tensor:
        """Return the gradient in the input, (1, C, height, width), of that in the result, (1, D, h,
        w).
        """
        rows, columns = -(-height // 2), -(-width // 2)
        beyond = (rows - gradient.shape[2] + self.last, columns - gradient.shape[3] + self.last)
        padding = max(-self.first, *beyond)
        begin = padding + self.first
        phases = F.conv2d(gradient, self.kernel, padding=padding)
        phases = phases[:, :, begin : begin + rows, begin : begin + columns]
        return F.pixel_shuffle(phases, 2)[:, :, :height, :width]
