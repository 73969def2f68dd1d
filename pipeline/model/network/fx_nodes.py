"""Modules and functions that the nodes of a traced module call."""

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
"""Module class or function of a ReLU -> the upper bound of its output."""


def module_of(module: GraphModule, node: object) -> nn.Module | None:
    """Return the module that the node calls. None: it calls no module."""
    if isinstance(node, Node) and node.op == "call_module":
        return module.get_submodule(str(node.target))
    return None


def called_type(module: GraphModule, node: Node) -> object:
    """Return the function, or the class of the module, that the node calls. None: neither."""
    if node.op == "call_function":
        return node.target
    called = module_of(module, node)
    return None if called is None else type(called)
