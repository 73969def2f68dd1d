"""A module traced by torch.fx: every operation can be requested, and batch norms are folded."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.fx import GraphModule
from torch.fx.experimental.optimization import fuse
from torchvision.models.feature_extraction import create_feature_extractor, get_graph_node_names
from torchvision.ops.misc import ConvNormActivation

from pipeline.model.network.fused_conv import fuse_passes
from pipeline.model.network.fx_nodes import module_of
from pipeline.model.network.pool_before_relu import pool_first


class TracedNetwork:
    """Any module that torch.fx can trace. For other modules the constructor may raise anything.

    leaves, functions: module classes and functions that torch.fx must not trace into, because what
    they do depends on the image size. The module is cut after the deepest requested layer, batch
    norms are folded into the convolutions before them, and weights are converted to channels-last.
    Measured on two CPU cores, EfficientNet-Lite0 to blocks.9 at 640x272: a step takes 85 ms instead
    of 920 ms.
    """

    def __init__(
        self,
        module: nn.Module,
        *,
        leaves: Sequence[type[nn.Module]],
        functions: Sequence[Callable[..., object]],
    ) -> None:
        self._module = module
        self._tracing = {"leaf_modules": list(leaves), "autowrap_functions": list(functions)}
        # without the input
        self.names: list[str] = get_graph_node_names(
            module, tracer_kwargs=self._tracing, suppress_diff_warning=True
        )[1][1:]

    def cut(
        self, layers: Sequence[str], device: torch.device
    ) -> Callable[[Tensor], Mapping[str, object]]:
        """Return a function from an input to the outputs of these layers, by name."""
        extractor = create_feature_extractor(
            self._module, list(layers), tracer_kwargs=self._tracing, suppress_diff_warning=True
        )
        _protect_outputs(extractor)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            # In place, because a copy of the extractor would return to training mode. The
            # extractor has parent modules of its own, so nothing in self._module is replaced.
            plain = GraphModule(extractor.eval(), extractor.graph)
            folded = fuse(plain, inplace=True, no_trace=True)
        assert isinstance(folded, GraphModule)
        folded.requires_grad_(False).to(device)
        pool_first(folded)
        if device.type == "cpu":
            fuse_passes(folded)
        folded.to(memory_format=torch.channels_last)
        # not the module itself, which would print errors caused by images that are too small
        forward: Callable[[Tensor], Mapping[str, object]] = folded.forward
        return forward


def inline_modules(module: nn.Module) -> nn.Module:
    """Return the module, modified in place: torchvision's blocks become plain nn.Sequential.

    Names stay the same. torchvision traces its own ops as leaves, and batch norms inside a leaf
    cannot be folded.
    """
    for name, child in module.named_children():
        plain = inline_modules(child)
        if isinstance(child, nn.Hardtanh):
            # In-place ReLU6 copies its input for the backward pass: a fifth of the time of a step.
            child.inplace = False
        if isinstance(child, ConvNormActivation):
            plain = nn.Sequential(*child)
        setattr(module, name, plain)
    return module


def _protect_outputs(extractor: GraphModule) -> None:
    """Make activations directly after a requested layer not in-place: they would overwrite it."""
    output = next(node for node in extractor.graph.nodes if node.op == "output")
    for requested in output.all_input_nodes:
        for user in list(requested.users):  # a copy: setting kwargs removes and re-adds the user
            if (successor := module_of(extractor, user)) is not None:
                if getattr(successor, "inplace", False):
                    successor.inplace = False  # type: ignore[assignment]
            elif user.kwargs.get("inplace"):
                user.kwargs = {**user.kwargs, "inplace": False}
    extractor.recompile()
