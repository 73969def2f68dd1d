"""The module or function that a node of a traced module calls."""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import nn
from torch.fx import GraphModule, Node

RELUS: Mapping[object, float] = {
    nn.ReLU: math.inf,
    F.relu: math.inf,
    torch.relu: math.inf,
    nn.ReLU6: 6.0,
    F.relu6: 6.0,
}
"""What cuts numbers at 0, and at how much above, by the module's class or the function."""


def module_of(module: GraphModule, node: object) -> nn.Module | None:
    """Return what the node calls, if it calls a module."""
    if isinstance(node, Node) and node.op == "call_module":
        return module.get_submodule(str(node.target))
    return None


def called_type(module: GraphModule, node: Node) -> object:
    """Return the class of the module that the node calls, or the function; None = neither."""
    if node.op == "call_function":
        return node.target
    found = module_of(module, node)
    return None if found is None else type(found)
