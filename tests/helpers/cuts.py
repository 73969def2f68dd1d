"""Networks cut by their graph, as tests of what is rearranged in them look at them."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn
from torch.fx import GraphModule

from pipeline.model.network.padding import SamePadding
from pipeline.model.network.traced import TracedNetwork


def cut(module: nn.Module, layers: list[str]) -> Callable[[Tensor], Mapping[str, object]]:
    """What gives the outputs of these layers, on the CPU."""
    return TracedNetwork(module, leaves=[SamePadding], functions=[]).cut(
        layers, torch.device("cpu")
    )


def graph(module: nn.Module, layers: list[str]) -> GraphModule:
    """What that runs."""
    found = cut(module, layers).__self__  # type: ignore[attr-defined]
    assert isinstance(found, GraphModule)
    return found


def seen(module: nn.Module, layers: list[str], picture: Tensor) -> tuple[list[Tensor], Tensor]:
    """What the layers give, and the gradient of the sum of their squares."""
    picture = picture.clone().requires_grad_()
    outputs = [o for o in cut(module, layers)(picture).values() if isinstance(o, Tensor)]
    score = torch.stack([output.square().mean() for output in outputs]).sum()
    return outputs, torch.autograd.grad(score, picture)[0]
