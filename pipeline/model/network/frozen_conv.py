"""Chains of CPU convolutions with constant weights: forward pass, and gradient of the input."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable

Amounts = list[int]
"""Two values, for rows and for columns."""
FEW_FORWARD, FEW_BACKWARD = 2500, 6000
"""Largest number of positions at which a 1 x 1 convolution is faster as a product of matrices, in
the forward and in the backward pass: starting a oneDNN convolution takes 0.03 to 0.08 ms, and its
backward pass is slower too."""


@dataclass(frozen=True, eq=False, kw_only=True)
class FrozenConv:
    """A convolution with constant weights, so that only its input has a gradient."""

    weight: Tensor
    """(D, C / groups, kernel height, kernel width), in the dtype of input and output."""
    bias: Tensor | None
    """(D,), always float32. None: no bias."""
    padding: Amounts
    """Rows and columns of zeros on each side of the input."""
    same: bool
    """Whether to pad like TensorFlow instead, for a kernel that begins with a row and a column of
    zeros: half of the kernel, and one more for a side with an odd number of pixels."""
    stride: Amounts
    """Vertical and horizontal stride, in pixels."""
    dilation: Amounts
    """Vertical and horizontal dilation, in pixels."""
    groups: int
    """Number of groups of channels."""
    cap: float | None
    """Upper bound of the ReLU that is applied as the output is written; infinity for a plain ReLU.
    None: no ReLU."""
    matrix: Tensor | None
    """The weights as (D, C), for small pictures. None: it is not a 1 x 1 convolution with stride 1
    and one group, or not in float32."""
    phases: Phases | None
    """The backward pass. None: oneDNN's."""

    def there(self, x: Tensor) -> Tensor:
        """Map (1, C, H, W) to (1, D, h, w), without recording a backward pass."""
        if self.matrix is not None and _positions(x) <= FEW_FORWARD:
            y = _product(x, self.matrix.T, self.bias)
            return y if self.cap is None else y.clamp_(0, self.cap)
        post = ("none", []) if self.cap is None else ("hardtanh", [0.0, self.cap])
        result: Tensor = torch.ops.mkldnn._convolution_pointwise(
            x,
            self.weight,
            self.bias,
            self.padding_of(x.shape),
            self.stride,
            self.dilation,
            self.groups,
            *post,
            "",
        )
        return result

    def back(self, gradient: Tensor, shape: torch.Size, x: Tensor | None) -> Tensor:
        """Return the gradient of the input, of this shape, given the gradient of the output.

        x: the input, if it is still in memory.
        """
        if self.phases is not None:
            return self.phases.back(gradient, *shape[2:])
        if self.matrix is not None and _positions(gradient) <= FEW_BACKWARD:
            return _product(gradient, self.matrix, None)
        weight_dtype = self.weight.dtype
        if self.stride != [1, 1] and self.groups == shape[1]:
            # strided depthwise: without fast oneDNN code, lower precision takes 20 times as long
            gradient = gradient.float()
        # only the input's shape and layout are used
        if x is None or x.dtype != gradient.dtype:
            x = torch.empty(shape, dtype=gradient.dtype, memory_format=torch.channels_last)
        result: Tensor = torch.ops.aten.convolution_backward(
            gradient,
            x,
            self.weight.to(gradient.dtype),
            None,
            self.stride,
            self.padding_of(shape),
            self.dilation,
            False,
            [0, 0],
            self.groups,
            [True, False, False],
        )[0]
        return result.to(weight_dtype)

    def cut(self, gradient: Tensor, y: Tensor, *, in_place: bool) -> Tensor:
        """Return the gradient of the ReLU's input, given that of its output, y."""
        arguments = (gradient, y, 0.0, self.cap)
        cut = torch.ops.aten.hardtanh_backward
        result: Tensor = (
            cut.grad_input(*arguments, grad_input=gradient) if in_place else cut(*arguments)
        )
        return result

    def padding_of(self, shape: torch.Size) -> Amounts:
        """Return the rows and columns of zeros on each side of an input of this shape."""
        if not self.same:
            return self.padding
        sides = zip(self.weight.shape[2:], shape[2:], strict=True)
        return [(kernel - 1) // 2 + side % 2 for kernel, side in sides]


def _product(x: Tensor, matrix: Tensor, bias: Tensor | None) -> Tensor:
    """Map (1, C, H, W) to (1, D, H, W) by a matrix (C, D) at each position.

    The result is no view: a view from an autograd function must not be changed in place.
    """
    shape = x.shape[0], matrix.shape[1], *x.shape[2:]
    result = torch.empty(shape, dtype=x.dtype, memory_format=torch.channels_last)
    rows = x.permute(0, 2, 3, 1).reshape(-1, x.shape[1])
    output_rows = result.permute(0, 2, 3, 1).view(-1, matrix.shape[1])
    if bias is None:
        torch.mm(rows, matrix, out=output_rows)
    else:
        torch.addmm(bias, rows, matrix, out=output_rows)
    return result


def _positions(x: Tensor) -> int:
    """Return the number of positions of a map (1, C, H, W)."""
    return x.shape[0] * x.shape[2] * x.shape[3]


def run_chain(x: Tensor, chain: Sequence[FrozenConv]) -> Tensor:
    """Return the output of the last of these convolutions, each of which reads the one before.

    One autograd function for all of them: each takes about 0.1 ms, as long as a convolution of a
    small picture.
    """
    y: Tensor = _Chain.apply(x, chain)
    return y


class _Chain(torch.autograd.Function):
    """A chain of convolutions as an autograd function; only the input has a gradient."""

    @staticmethod
    def forward(context: Any, x: Tensor, chain: Sequence[FrozenConv]) -> Tensor:
        shapes, cut_outputs = [], []
        for frozen in chain:
            shapes.append(x.shape)
            x = frozen.there(x)
            cut_outputs.append(None if frozen.cap is None else x)
        context.chain, context.shapes = chain, shapes
        context.save_for_backward(*cut_outputs)
        return x

    @staticmethod
    @once_differentiable
    def backward(context: Any, gradient: Tensor) -> tuple[Tensor, None]:
        chain, outputs = context.chain, context.saved_tensors
        for index in reversed(range(len(chain))):
            if (y := outputs[index]) is not None:
                # others may need the gradient of the chain's output, but not those within it
                gradient = chain[index].cut(gradient, y, in_place=index < len(chain) - 1)
            x = outputs[index - 1] if index else None
            gradient = chain[index].back(gradient, context.shapes[index], x)
        return gradient, None


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
