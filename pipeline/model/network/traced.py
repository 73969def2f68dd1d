"""A module cut by its graph: every operation can be asked for, and what can be folded is."""

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
    """Any module that torch.fx can trace; another one makes it raise, in whatever way.

    leaves, functions: module classes and functions that fx must not look into (what they do
    depends on the size). Behind the deepest layer that was asked for the module is cut, its batch
    norms are folded into the convolutions before them and its weights laid out channels-last:
    measured on two CPU cores, EfficientNet-Lite0 to blocks.9 at 640x272, a step of 920 ms becomes
    one of 85 ms.
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
        # the input left out
        self.names: list[str] = get_graph_node_names(
            module, tracer_kwargs=self._tracing, suppress_diff_warning=True
        )[1][1:]

    def cut(
        self, layers: Sequence[str], device: torch.device
    ) -> Callable[[Tensor], Mapping[str, object]]:
        """Return what gives the outputs of these layers, by name."""
        extractor = create_feature_extractor(
            self._module, list(layers), tracer_kwargs=self._tracing, suppress_diff_warning=True
        )
        _keep_from_being_overwritten(extractor)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            # In place, for a copy of the extractor would fall back to training mode; its modules'
            # parents are its own, so nothing of self._module is replaced.
            plain = GraphModule(extractor.eval(), extractor.graph)
            folded = fuse(plain, inplace=True, no_trace=True)
        assert isinstance(folded, GraphModule)
        folded.requires_grad_(False).to(device)
        pool_first(folded)
        if device.type == "cpu":
            fuse_passes(folded)
        folded.to(memory_format=torch.channels_last)
        # not the module itself: it would print what a picture that is too small leads to
        forward: Callable[[Tensor], Mapping[str, object]] = folded.forward
        return forward


def inline_modules(module: nn.Module) -> nn.Module:
    """Return the module with torchvision's ready-made blocks as plain sequences, under the same
    names.

    torchvision traces its own ops as leaves, and batch norms inside a leaf cannot be folded.
    """
    for name, child in module.named_children():
        plain = inline_modules(child)
        if isinstance(child, nn.Hardtanh):
            # ReLU6 in place copies its input for the backward pass; a fifth of a step goes there.
            child.inplace = False
        if isinstance(child, ConvNormActivation):
            plain = nn.Sequential(*child)
        setattr(module, name, plain)
    return module


def _keep_from_being_overwritten(extractor: GraphModule) -> None:
    """An in-place activation right behind a wanted layer would overwrite it: make it a copy."""
    output = next(node for node in extractor.graph.nodes if node.op == "output")
    for wanted in output.all_input_nodes:
        for user in list(wanted.users):  # a change of kwargs takes it out and in
            if (following := module_of(extractor, user)) is not None:
                if getattr(following, "inplace", False):
                    following.inplace = False  # type: ignore[assignment]
            elif user.kwargs.get("inplace"):
                user.kwargs = {**user.kwargs, "inplace": False}
    extractor.recompile()
