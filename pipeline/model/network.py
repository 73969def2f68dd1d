"""A torch module as a Model: cut, frozen, folded. Shared by the families in this package."""

from __future__ import annotations

import difflib
import sys
import warnings
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.fx import GraphModule, Interpreter, Node
from torch.fx.experimental.optimization import fuse
from torchvision.models.feature_extraction import create_feature_extractor, get_graph_node_names
from torchvision.ops.misc import ConvNormActivation

from pipeline.errors import UserError
from pipeline.frame import Image
from pipeline.model import Activations


class Network(nn.Module):
    """A Model made of any module that torch.fx can trace.

    mean, deviation: of the three RGB channels, what the module expects its input to be shifted
    and divided by. leaves: module classes that fx must not look into (size-dependent padding).
    classes: names of what the last layer tells apart, in its order.

    Asked for layers the first time, the module is cut behind the deepest of them, its batch norms
    are folded into the convolutions before them and its weights laid out channels-last: measured
    on two CPU cores, Lite0 to blocks.9 at 640x272, a step of 920 ms becomes one of 85 ms.
    """

    def __init__(
        self,
        module: nn.Module,
        *,
        mean: Sequence[float],
        deviation: Sequence[float],
        weights_sha256: str,
        leaves: Sequence[type[nn.Module]] = (),
        classes: Sequence[str] = (),
    ) -> None:
        super().__init__()
        self._mean: Tensor
        self._deviation: Tensor
        self.weights_sha256 = weights_sha256
        self.classes = tuple(classes)
        self._module = _opened(module.eval().requires_grad_(False))
        self._tracing = {"leaf_modules": list(leaves)} if leaves else {}
        self._cuts: dict[tuple[torch.device, tuple[str, ...]], GraphModule] = {}
        self._sides: dict[tuple[str, ...], int] = {}
        self._channels: dict[str, int] = {}
        self._nodes: list[str] = []
        self.register_buffer("_mean", torch.tensor(mean).view(1, 3, 1, 1))
        self.register_buffer("_deviation", torch.tensor(deviation).view(1, 3, 1, 1))

    def forward(self, image: Image, layers: Sequence[str]) -> Activations:
        """The activations of these layers, by name."""
        activations: Activations = self._cut(tuple(layers))(self._normalised(image))
        return activations

    def layers(self) -> list[str]:
        """Every node of the network by its dotted name, in the order of running, input left out."""
        if not self._nodes:
            self._nodes = get_graph_node_names(
                self._module, tracer_kwargs=self._tracing, suppress_diff_warning=True
            )[1][1:]
        return self._nodes

    def channels(self, layer: str) -> int:
        """How many channels this layer has."""
        if layer not in self._channels:
            side = self.smallest_side([layer])
            with torch.no_grad():
                activation = self(torch.zeros(1, 3, side, side, device=self._mean.device), [layer])
            self._channels[layer] = activation[layer].shape[1]
        return self._channels[layer]

    def smallest_side(self, layers: Sequence[str]) -> int:
        """The least side, in pixels, at which every layer still has a map of 3 x 3.

        A layer without a map (a class score) counts as the smallest map before it.
        """
        asked = tuple(layers)
        if asked not in self._sides:
            self._sides[asked] = self._find_smallest_side(asked)
        return self._sides[asked]

    def _find_smallest_side(self, layers: Sequence[str]) -> int:
        for side in range(16, 513, 16):
            image = torch.zeros(1, 3, side, side, device=self._mean.device)
            try:
                sides = self._sides_of_maps(image, layers)
            except (RuntimeError, ValueError, ZeroDivisionError):
                continue  # too small for this network's pooling
            if min(sides) >= 3:
                return side
        return 512

    def _sides_of_maps(self, image: Image, layers: Sequence[str]) -> list[int]:
        """The smaller side of each layer's map, or of the smallest one before it."""
        seen = _Maps(self._cut(tuple(layers)))
        with torch.no_grad():
            activations = seen.run(self._normalised(image))
        return [min(a.shape[2:]) if a.ndim == 4 else seen.least for a in activations.values()]

    def _normalised(self, image: Image) -> Tensor:
        normalised = (image - self._mean) / self._deviation
        return normalised.contiguous(memory_format=torch.channels_last)

    def _cut(self, layers: tuple[str, ...]) -> GraphModule:
        # A cut is no part of the module, so it stays behind when the module moves.
        asked = (self._mean.device, layers)
        if asked not in self._cuts:
            self._cuts[asked] = self._make_cut(layers).to(self._mean.device)
        return self._cuts[asked]

    def _make_cut(self, layers: tuple[str, ...]) -> GraphModule:
        known = self.layers()
        for layer in layers:
            # A block is asked for by its own name; fx names only what lies inside it.
            if layer not in known and not any(node.startswith(f"{layer}.") for node in known):
                near = difflib.get_close_matches(layer, known, n=4, cutoff=0.3)
                raise UserError(
                    f"objective.layers: must name layers of the model, got {layer!r}; "
                    f"near ones are {', '.join(near) or ', '.join(known[:6])}"
                )
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
        folded.requires_grad_(False).to(memory_format=torch.channels_last)
        return folded


class _Maps(Interpreter):
    """Runs a network and remembers the least side of any map; a point is none, it was pooled."""

    least = sys.maxsize

    def run_node(self, n: Node) -> object:
        """What the node gives."""
        result: object = super().run_node(n)
        if isinstance(result, Tensor) and result.ndim == 4 and max(result.shape[2:]) > 1:
            self.least = min(self.least, *result.shape[2:])
        return result


def _opened(module: nn.Module) -> nn.Module:
    """The module with torchvision's ready-made blocks as plain sequences, under the same names.

    torchvision traces its own ops as leaves, and batch norms inside a leaf cannot be folded.
    """
    for name, child in module.named_children():
        opened = _opened(child)
        if isinstance(child, nn.Hardtanh):
            # ReLU6 in place copies its input for the backward pass; a fifth of a step goes there.
            child.inplace = False
        if isinstance(child, ConvNormActivation):
            opened = nn.Sequential(*child)
        setattr(module, name, opened)
    return module


def _keep_from_being_overwritten(extractor: GraphModule) -> None:
    """An in-place activation right behind a wanted layer would overwrite it: make it a copy."""
    output = next(node for node in extractor.graph.nodes if node.op == "output")
    for wanted in output.all_input_nodes:
        for user in wanted.users:
            if user.op == "call_module":
                behind = extractor.get_submodule(str(user.target))
                if getattr(behind, "inplace", False):
                    behind.inplace = False  # type: ignore[assignment]
            elif user.kwargs.get("inplace"):
                user.kwargs = {**user.kwargs, "inplace": False}
    extractor.recompile()
