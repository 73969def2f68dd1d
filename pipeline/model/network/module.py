"""A torch module as a Model: frozen, cut at layers and read as maps. Used by all families."""

from __future__ import annotations

import copy
import difflib
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from pipeline.errors import UserError
from pipeline.frame import Image
from pipeline.model import Activations
from pipeline.model.layer_names import Rename, owner_of
from pipeline.model.network.hooked import HookedNetwork
from pipeline.model.network.input_size import Sides
from pipeline.model.network.layout import Layout, Size, layout_of
from pipeline.model.network.outline import outline
from pipeline.model.network.traced import TracedNetwork, inline_modules

log = logging.getLogger(__name__)

Cut = Callable[[Tensor], Mapping[str, Any]]
"""The module cut at some layers: input -> output of each of these layers, by name."""
TRIED = tuple(((64 * n, 96 * n), (96 * n, 128 * n)) for n in (1, 2, 4))
"""Pairs of image sizes, in pixels, with which the layout of outputs is determined; the first pair
that the network accepts is used."""
FAILURES = (AssertionError, RuntimeError, ValueError, IndexError, ZeroDivisionError)
"""Exceptions that networks raise for images that are too small."""


class Network(nn.Module):
    """A Model made of any torch module.

    mean, deviation: mean and standard deviation of each RGB channel, with which the module's input
    is normalised. leaves, functions: module classes and functions that torch.fx must not trace
    into. rename: translates the names that other programs have for layers. classes: class names of
    the last layer, in order; empty if unknown. headless: whether the module is not a classifier.
    sides: image sizes that the module accepts. None: any size.
    """

    def __init__(
        self,
        module: nn.Module,
        *,
        mean: Sequence[float],
        deviation: Sequence[float],
        weights_sha256: str,
        leaves: Sequence[type[nn.Module]] = (),
        functions: Sequence[Callable[..., object]] = (),
        classes: Sequence[str] = (),
        headless: bool = False,
        sides: Sides | None = None,
        rename: Rename | None = None,
    ) -> None:
        super().__init__()
        self._mean: Tensor
        self._deviation: Tensor
        self.weights_sha256 = weights_sha256
        self._classes = None if headless else tuple(classes)
        self._sides = sides or Sides()
        self._rename = rename or str
        if self._sides.only is not None:
            log.warning(
                "model: supports only %dx%d pixels, so every picture is scaled to this size",
                self._sides.only,
                self._sides.only,
            )
        self._module = inline_modules(module.eval().requires_grad_(False))
        self._leaves, self._functions = leaves, functions
        self._cuts: dict[tuple[torch.device, tuple[str, ...]], Cut] = {}
        self._smallest: dict[tuple[str, ...], int] = {}
        self._layouts: dict[str, Layout | None] = {}
        self._layers: list[str] = []
        self.register_buffer("_mean", _by_channel(mean))
        self.register_buffer("_deviation", _by_channel(deviation))

    def forward(self, image: Image, layers: Sequence[str]) -> Activations:
        """Return the activations of these layers, by name."""
        own_names = {layer: self._rename(layer) for layer in layers}
        layouts = self._read([*own_names.values()])
        outputs = self._outputs(image, [*dict.fromkeys(own_names.values())])
        height, width = image.shape[2:]
        input_size = self._sides.of((height, width))
        return {
            layer: self._sides.seen(layouts[own].read(outputs[own], input_size), (height, width))
            for layer, own in own_names.items()
        }

    def layers(self) -> list[str]:
        """Return the dotted names of all layers that can be read, in execution order."""
        if not self._layers:
            layouts_by_name = self._tried(self._way.names)
            self._layers = [name for name, layout in layouts_by_name.items() if layout is not None]
        return self._layers

    def shuffled(self, seed: int) -> Network:
        """Return a network of the same shape whose weights are those of each layer, shuffled.

        It is a control for heat maps, as in Adebayo et al. 2018, "Sanity Checks for Saliency Maps".
        """
        # what was derived from the weights is not copied
        result = copy.copy(self)
        for name in ("_way", "_blocks", "_last"):
            result.__dict__.pop(name, None)
        result._cuts, result._buffers = {}, dict(self._buffers)
        result._modules = copy.deepcopy(self._modules)
        generator = torch.Generator().manual_seed(seed)
        for parameter in result._module.parameters():
            order = torch.randperm(parameter.numel(), generator=generator).to(parameter.device)
            parameter.data = parameter.data.flatten()[order].view_as(parameter)
        return result

    def check_layers(self, layers: Iterable[str]) -> None:
        """Raise UserError unless the network has all of these layers."""
        for layer in layers:
            check_layer(self._rename(layer), self._way.names)

    @property
    def scores(self) -> dict[str, tuple[str, ...]]:
        """The last layer and its class names; empty if the module is not a classifier."""
        return {} if self._classes is None else {self._last: self._classes}

    def channels(self, layer: str) -> int:
        """Return the number of channels of this layer."""
        own = self._rename(layer)
        return self._read([own])[own].channels

    def smallest_side(self, layers: Sequence[str]) -> int:
        """Return the smallest side, in pixels, at which each layer's map is at least 3 x 3.

        A multiple of 16, at most 512. For layers without a map (class scores) the maps of all
        blocks of the network count.
        """
        cache_key = tuple(map(self._rename, layers))
        if cache_key not in self._smallest:
            self._smallest[cache_key] = self._find_smallest_side(cache_key)
        return self._smallest[cache_key]

    def _find_smallest_side(self, layers: tuple[str, ...]) -> int:
        self._read(layers)
        for side in range(16, 513, 16):
            image = torch.zeros(1, 3, side, side, device=self._mean.device)
            try:
                with torch.no_grad():
                    sides = self._sides_of_maps(image, layers)
            except FAILURES:
                continue  # too small for this network's pooling
            if min(sides, default=0) >= 3:
                return side
        return 512

    def _sides_of_maps(self, image: Image, layers: tuple[str, ...]) -> list[int]:
        """Return the shorter side of each layer's map, or of each block's if a layer has no map."""
        activations = self(image, layers).values()
        if any(activation.ndim < 4 for activation in activations):
            activations = self(image, self._blocks).values()
        # a map that was pooled to a point does not count
        return [min(a.shape[2:]) for a in activations if a.ndim == 4 and max(a.shape[2:]) > 1]

    def _outputs(self, image: Image, layers: Sequence[str]) -> Mapping[str, Any]:
        """Return the unprocessed outputs of these layers."""
        scaled = self._sides.scaled(image)
        module_input: Tensor = _Normalise.apply(scaled, self._mean, self._deviation)
        return self._cut(tuple(layers))(self._sides.filled(module_input))

    def _zeros(self, size: Size) -> Tensor:
        return torch.zeros(1, 3, *self._sides.of(size), device=self._mean.device)

    def _cut(self, layers: tuple[str, ...]) -> Cut:
        # Cuts are not submodules and stay on their device when the module moves.
        device = self._mean.device
        if (device, layers) not in self._cuts:
            self._cuts[device, layers] = self._way.cut(layers, device)
        return self._cuts[device, layers]

    @cached_property
    def _way(self) -> TracedNetwork | HookedNetwork:
        """The module in a form that can be cut: traced, or with hooks if tracing fails."""
        try:
            return TracedNetwork(self._module, leaves=self._leaves, functions=self._functions)
        except Exception:  # tracing runs the module's own code, which may raise anything
            # tracing uses both modes, and if it fails, it leaves the module in training mode
            return HookedNetwork(self._module.eval(), self._zeros(TRIED[-1][0]))

    @cached_property
    def _blocks(self) -> list[str]:
        """Blocks of the whole network that can be read."""
        layouts_by_name = self._tried(outline(self._way.names))
        return [name for name, layout in layouts_by_name.items() if layout is not None]

    @cached_property
    def _last(self) -> str:
        """The last layer that can be read; nodes after it are auxiliary operations."""
        return next(name for name in reversed(self._way.names) if self._tried([name])[name])

    def _read(self, layers: Sequence[str]) -> Mapping[str, Layout]:
        """Return the layouts of these layers.

        Raises UserError for an unknown layer and for one that cannot be read.
        """
        missing = [layer for layer in layers if layer not in self._layouts]
        if missing:
            for layer in missing:
                check_layer(layer, self._way.names)
            self._layouts |= dict.fromkeys(missing) | self._tried(missing)
        layouts = {
            layer: layout for layer in layers if (layout := self._layouts[layer]) is not None
        }
        for layer in layers:
            if layer not in layouts:
                raise UserError(
                    "objective.layers: must be layers whose output is a map or a list of channels, "
                    f"got {layer!r}, which is an intermediate step; "
                    f"{similar_names(layer, [*self._blocks, *self.layers()])}"
                )
        return layouts

    @torch.no_grad()
    def _tried(self, layers: Sequence[str]) -> dict[str, Layout | None]:
        """Return the layouts of these layers, determined with two small images.

        None: the layer cannot be read.
        """
        for pair in TRIED:
            sizes = [self._sides.of(size) for size in pair]
            try:
                first, second = (self._shapes(size, layers) for size in pair)
            except FAILURES:
                if pair == TRIED[-1]:
                    raise
                continue
            return {
                layer: layout_of((shape, second[layer]), sizes) for layer, shape in first.items()
            }
        raise AssertionError("the last pair returns or raises")

    def _shapes(self, size: Size, layers: Sequence[str]) -> dict[str, Sequence[int]]:
        """Return the shape of each layer's output for an image of this size.

        (0,) for an output that is not a tensor or does not depend on the image.
        """
        with torch.enable_grad():
            outputs = self._outputs(self._zeros(size).requires_grad_(), layers)
        return {
            layer: output.shape if isinstance(output, Tensor) and output.requires_grad else (0,)
            for layer, output in outputs.items()
        }


class _Normalise(torch.autograd.Function):
    """An image, (1, 3, H, W), normalised, in channels-last layout and autocast's dtype."""

    @staticmethod
    def forward(context: Any, picture: Tensor, mean: Tensor, deviation: Tensor) -> Tensor:
        context.deviation, context.kind = deviation, picture.dtype
        normalised, device = (picture - mean).div_(deviation), picture.device.type
        if torch.amp.is_autocast_available(device) and torch.is_autocast_enabled(device):
            normalised = normalised.to(torch.get_autocast_dtype(device))
        # for three channels torch's own conversion to channels-last takes twice as long
        module_input = torch.empty_like(normalised, memory_format=torch.channels_last)
        torch.stack(normalised.unbind(1), -1, out=module_input.permute(0, 2, 3, 1))
        return module_input

    @staticmethod
    @once_differentiable
    def backward(context: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        # contiguous, like the images that the gradient is combined with afterwards
        image_gradient = gradient.to(context.kind, memory_format=torch.contiguous_format)
        return image_gradient / context.deviation, None, None


def _by_channel(values: Sequence[float]) -> Tensor:
    """Return the values as (1, 3, 1, 1), or as (1, 1, 1, 1) if all are equal.

    The latter takes a CPU a quarter of the time.
    """
    equal = len(set(values)) == 1
    return torch.tensor(values[:1] if equal else values).view(1, -1, 1, 1)


def check_layer(layer: str, known: Sequence[str]) -> None:
    """Raise UserError unless the layer is one of these names, or a block that contains some."""
    # A block is requested by its own name, but torch.fx lists only the nodes in it.
    if layer in known or any(name.startswith(f"{layer}.") for name in known):
        return
    if owner := owner_of(layer, known):
        raise UserError(
            f"objective.layers: must be layers of the model, got {layer!r}, which is a layer of "
            f"{owner}; set {owner}, or choose one of {', '.join(outline(known)[:6])}"
        )
    raise UserError(
        f"objective.layers: must be layers of the model, got {layer!r}; "
        f"{similar_names(layer, [*outline(known), *known])}"
    )


def similar_names(name: str, known: Sequence[str]) -> str:
    """Return "similar names are ..." with the known names closest to `name`, or else examples."""
    near = difflib.get_close_matches(name, dict.fromkeys(known), n=4, cutoff=0.3)
    return (
        f"similar names are {', '.join(near)}" if near else f"examples are {', '.join(known[:6])}"
    )
