"""Convolutions that do in one pass what stands before and behind them, where that is quicker."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.fx import GraphModule, Node

from pipeline.model.padding import SamePadding

CAP = 6.0
"""Of a ReLU6."""
FEW, WIDE = 4, 5
"""Channels of a picture at most, and the side of a kernel from which on phases pay."""


class Fused(nn.Module):
    """A convolution with TensorFlow's padding before it, or a ReLU6 behind it, or both; or one that
    finds its way back to a picture by phases.

    The padding makes no copy of its input: a row and a column of zeros in front of the kernel turn
    it into one that is even on both sides, which a convolution has for nothing. The ReLU6 is done
    as the convolution writes.
    """

    def __init__(self, convolution: nn.Conv2d, *, padded: bool, capped: bool, phased: bool) -> None:
        super().__init__()
        weight = F.pad(convolution.weight, (1, 0, 1, 0)) if padded else convolution.weight
        self.weight = nn.Parameter(weight.detach(), requires_grad=False)
        self.bias = convolution.bias
        self.stride, self.dilation = list(convolution.stride), list(convolution.dilation)
        self.padding, self.groups = _amounts(convolution), convolution.groups
        self.reach = [side // 2 for side in convolution.kernel_size]
        self.padded, self.capped = padded, capped
        self.phases = _Phases.of(self.weight, self.padding[0]) if phased else None

    def forward(self, x: Tensor) -> Tensor:
        """(1, C, H, W) -> (1, D, h, w)."""
        sides = zip(self.reach, x.shape[2:], strict=True)
        padding = [reach + side % 2 for reach, side in sides] if self.padded else self.padding
        way = (self.stride, padding, self.dilation, self.groups)
        if not torch.is_autocast_enabled("cpu"):
            y: Tensor = _Frozen.apply(x, self.weight, self.bias, way, self.capped, self.phases)
            return y
        y = F.conv2d(x, self.weight, self.bias, *way)
        return F.relu6(y) if self.capped else y


@dataclass(frozen=True, eq=False)
class _Phases:
    """The way back through a convolution of every second place to few channels.

    oneDNN fills its registers with the channels that it writes: of three it takes as long as of
    sixteen. Each of four pixels (two rows, two columns) has weights of its own, so that they are 12
    channels of one map, made by a convolution of every place. kernel: (4 C, D, k, k). first, last:
    places of the slope from which and to which it reaches.
    """

    kernel: Tensor
    first: int
    last: int

    @staticmethod
    def of(weight: Tensor, padding: int) -> _Phases:
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
        return _Phases(kernel.contiguous(memory_format=torch.channels_last), first, last)

    def back(self, slope: Tensor, height: int, width: int) -> Tensor:
        """The slope in the input, (1, C, height, width), of that in the result, (1, D, h, w)."""
        rows, columns = -(-height // 2), -(-width // 2)
        beyond = (rows - slope.shape[2] + self.last, columns - slope.shape[3] + self.last)
        padding = max(-self.first, *beyond)
        begin = padding + self.first
        phases = F.conv2d(slope, self.kernel, padding=padding)
        phases = phases[:, :, begin : begin + rows, begin : begin + columns]
        return F.pixel_shuffle(phases, 2)[:, :, :height, :width]


class _Frozen(torch.autograd.Function):
    """A convolution, and a ReLU6 if it is capped, of which only the input has a gradient."""

    @staticmethod
    def forward(
        context: Any, x: Tensor, weight: Tensor, bias: Tensor | None,
        way: tuple[list[int], list[int], list[int], int], capped: bool, phases: _Phases | None,
    ) -> Tensor:  # fmt: skip
        stride, padding, dilation, groups = way
        context.way, context.capped, context.phases = way, capped, phases
        if not capped:
            context.save_for_backward(x, weight)
            return F.conv2d(x, weight, bias, *way)
        y: Tensor = torch.ops.mkldnn._convolution_pointwise(
            x, weight, bias, padding, stride, dilation, groups, "hardtanh", [0.0, CAP], ""
        )
        context.save_for_backward(x, weight, y)
        return y

    @staticmethod
    @once_differentiable
    def backward(context: Any, slope: Tensor) -> tuple[Tensor | None, ...]:
        x, weight, *y = context.saved_tensors
        if context.capped:
            slope = torch.ops.aten.hardtanh_backward(slope, *y, 0.0, CAP)
        if context.phases is not None:
            return context.phases.back(slope, *x.shape[2:]), *[None] * 5
        stride, padding, dilation, groups = context.way
        wanted = torch.ops.aten.convolution_backward(
            slope, x, weight, None, stride, padding, dilation, False, [0, 0], groups,
            [True, False, False],
        )  # fmt: skip
        return wanted[0], *[None] * 5


def fuse_passes(module: GraphModule) -> None:
    """Put such convolutions into a frozen module on the CPU, wherever nobody asks for what lies
    between. Measured on two cores at 640x272: the network of a step takes a seventh less with
    EfficientNet-Lite0 to blocks.9, a fourteenth with GoogLeNet to inception4c.
    """
    if not torch.backends.mkldnn.is_available():  # type: ignore[no-untyped-call]
        return
    for node in list(module.graph.nodes):
        convolution = _module(module, node)
        # a class made of it may do something else
        if type(convolution) is not nn.Conv2d or convolution.padding_mode != "zeros":
            continue
        if isinstance(convolution.padding, str) or convolution.weight.dtype != torch.float32:
            continue
        (before,), behind = node.all_input_nodes, next(iter(node.users))
        padding = _module(module, before) if len(before.users) == 1 else None
        padded = isinstance(padding, SamePadding) and _may_widen(convolution)
        capped = isinstance(_module(module, behind), nn.ReLU6) and len(node.users) == 1
        phased = _has_phases(convolution)
        if not (padded or capped or phased):
            continue
        fused = Fused(convolution, padded=padded, capped=capped, phased=phased)
        module.set_submodule(str(node.target), fused)
        if padded:
            node.replace_input_with(before, before.args[0])
            module.graph.erase_node(before)
        if capped:
            behind.replace_all_uses_with(node)
            module.graph.erase_node(behind)
    module.recompile()


def _may_widen(convolution: nn.Conv2d) -> bool:
    """Whether its padding can be its own: of a few channels a wider kernel costs more than a copy,
    and only steps of two are met.
    """
    depthwise = convolution.groups == convolution.in_channels
    return depthwise and convolution.stride == (2, 2) and not any(_amounts(convolution))


def _has_phases(convolution: nn.Conv2d) -> bool:
    """Whether the way back by phases is right, and quicker."""
    (tall, wide), (rows, columns) = convolution.kernel_size, _amounts(convolution)
    simple = tall == wide and rows == columns and convolution.dilation == (1, 1)
    few = convolution.groups == 1 and convolution.in_channels <= FEW
    return simple and few and convolution.stride == (2, 2) and tall >= WIDE


def _amounts(convolution: nn.Conv2d) -> list[int]:
    """The rows and columns of zeros on both sides."""
    return [int(amount) for amount in convolution.padding]


def _module(module: GraphModule, node: object) -> nn.Module | None:
    """What the node calls, if it calls a module."""
    if isinstance(node, Node) and node.op == "call_module":
        return module.get_submodule(str(node.target))
    return None
