"""Convolutions that do in one pass what stands before and behind them, where that is quicker."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.fx import GraphModule, Node

from pipeline.model.padding import SamePadding

CAP = 6.0
"""Of a ReLU6."""


class Fused(nn.Module):
    """A convolution with TensorFlow's padding before it, or a ReLU6 behind it, or both.

    The padding makes no copy of its input: a row and a column of zeros in front of the kernel turn
    it into one that is even on both sides, which a convolution has for nothing. The ReLU6 is done
    as the convolution writes.
    """

    def __init__(self, convolution: nn.Conv2d, *, padded: bool, capped: bool) -> None:
        super().__init__()
        weight = F.pad(convolution.weight, (1, 0, 1, 0)) if padded else convolution.weight
        self.weight = nn.Parameter(weight.detach(), requires_grad=False)
        self.bias = convolution.bias
        self.stride = list(convolution.stride)
        self.padding = _amounts(convolution)
        self.dilation = list(convolution.dilation)
        self.groups = convolution.groups
        self.padded, self.capped = padded, capped
        self.reach = [side // 2 for side in convolution.kernel_size]

    def forward(self, x: Tensor) -> Tensor:
        """(1, C, H, W) -> (1, D, h, w)."""
        sides = zip(self.reach, x.shape[2:], strict=True)
        padding = [reach + side % 2 for reach, side in sides] if self.padded else self.padding
        way = (self.stride, padding, self.dilation, self.groups)
        if self.capped and not torch.is_autocast_enabled("cpu"):
            y: Tensor = _Capped.apply(x, self.weight, self.bias, *way)
            return y
        y = F.conv2d(x, self.weight, self.bias, *way)
        return F.relu6(y) if self.capped else y


class _Capped(torch.autograd.Function):
    """A convolution and a ReLU6, of which only the input has a gradient."""

    @staticmethod
    def forward(
        context: Any, x: Tensor, weight: Tensor, bias: Tensor | None, stride: list[int],
        padding: list[int], dilation: list[int], groups: int,
    ) -> Tensor:  # fmt: skip
        y: Tensor = torch.ops.mkldnn._convolution_pointwise(
            x, weight, bias, padding, stride, dilation, groups, "hardtanh", [0.0, CAP], ""
        )
        context.save_for_backward(x, weight, y)
        context.way = (stride, padding, dilation, False, [0, 0], groups)
        return y

    @staticmethod
    @once_differentiable
    def backward(context: Any, slope: Tensor) -> tuple[Tensor | None, ...]:
        x, weight, y = context.saved_tensors
        slope = torch.ops.aten.hardtanh_backward(slope, y, 0.0, CAP)
        wanted = torch.ops.aten.convolution_backward(
            slope, x, weight, None, *context.way, [True, False, False]
        )
        return wanted[0], *[None] * 6


def fuse_passes(module: GraphModule) -> None:
    """Put such convolutions into a frozen module on the CPU, wherever nobody asks for what lies
    between. Measured on two cores, EfficientNet-Lite0 to blocks.9 at 640x272: a step's network
    takes a seventh less.
    """
    if not torch.backends.mkldnn.is_available():  # type: ignore[no-untyped-call]
        return
    for node in list(module.graph.nodes):
        convolution = _module(module, node)
        # a class made of it may do something else
        if type(convolution) is not nn.Conv2d or convolution.padding_mode != "zeros":
            continue
        if isinstance(convolution.padding, str):
            continue
        (before,), behind = node.all_input_nodes, next(iter(node.users))
        padding = _module(module, before) if len(before.users) == 1 else None
        padded = isinstance(padding, SamePadding) and _may_widen(convolution)
        capped = isinstance(_module(module, behind), nn.ReLU6) and len(node.users) == 1
        if not padded and not capped:
            continue
        module.set_submodule(str(node.target), Fused(convolution, padded=padded, capped=capped))
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


def _amounts(convolution: nn.Conv2d) -> list[int]:
    """The rows and columns of zeros on both sides."""
    return [int(amount) for amount in convolution.padding]


def _module(module: GraphModule, node: object) -> nn.Module | None:
    """What the node calls, if it calls a module."""
    if isinstance(node, Node) and node.op == "call_module":
        return module.get_submodule(str(node.target))
    return None
