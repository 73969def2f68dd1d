"""A torch module as a Model: frozen, cut, read as maps. Shared by the families in this package."""

from __future__ import annotations

import difflib
import logging
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from pipeline.errors import UserError
from pipeline.frame import Image
from pipeline.model import Activations
from pipeline.model.network.hooked import HookedNetwork
from pipeline.model.network.input_size import Sides
from pipeline.model.network.layout import Layout, Size, layout_of
from pipeline.model.network.outline import outline
from pipeline.model.network.traced import TracedNetwork, inline_modules

log = logging.getLogger(__name__)

Cut = Callable[[Tensor], Mapping[str, Any]]
"""A part of the module: what each of the layers gives that it was made for, by name."""
TRIED = tuple(((64 * n, 96 * n), (96 * n, 128 * n)) for n in (1, 2, 4))
"""Pairs of sizes, pixels, that tell what of a layer's output are places; the first that fit do."""
FAILURES = (AssertionError, RuntimeError, ValueError, IndexError, ZeroDivisionError)
"""What networks make of pictures that are too small for them."""


class Network(nn.Module):
    """A Model made of any module.

    mean, deviation: of the three RGB channels, what the module expects its input to be shifted
    and divided by. leaves, functions: what torch.fx must not look into. classes: names of what the
    last layer tells apart, in its order; empty = nobody knows. headless: it tells nothing apart.
    sides: of the pictures that it can look at.
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
    ) -> None:
        super().__init__()
        self._mean: Tensor
        self._deviation: Tensor
        self.weights_sha256 = weights_sha256
        self._classes = None if headless else tuple(classes)
        self._sides = sides or Sides()
        if self._sides.only is not None:
            log.warning(
                "model: looks at %dx%d pixels and no other size; every picture is scaled to that",
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
        layouts = self._read(layers)
        outputs = self._outputs(image, layers)
        height, width = image.shape[2:]
        whole = self._sides.of((height, width))
        return {
            layer: self._sides.seen(layouts[layer].read(output, whole), (height, width))
            for layer, output in outputs.items()
        }

    def layers(self) -> list[str]:
        """Return all layers that can be read by their dotted names, in the order of running."""
        if not self._layers:
            found = self._tried(self._way.names)
            self._layers = [name for name, layout in found.items() if layout is not None]
        return self._layers

    @property
    def scores(self) -> dict[str, tuple[str, ...]]:
        """The last layer, unless it tells nothing apart."""
        return {} if self._classes is None else {self._last: self._classes}

    def channels(self, layer: str) -> int:
        """Return how many channels this layer has."""
        return self._read([layer])[layer].channels

    def smallest_side(self, layers: Sequence[str]) -> int:
        """Return the least side, in pixels, at which every layer still has a map of 3 x 3.

        A layer without a map (a class score) counts as the smallest map before it.
        """
        asked = tuple(layers)
        if asked not in self._smallest:
            self._smallest[asked] = self._find_smallest_side(asked)
        return self._smallest[asked]

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
        """Return the smaller side of each layer's map; of all maps where a layer has none."""
        activations = self(image, layers).values()
        if any(activation.ndim < 4 for activation in activations):
            activations = self(image, self._blocks).values()
        # what was pooled to a point is no map
        return [min(a.shape[2:]) for a in activations if a.ndim == 4 and max(a.shape[2:]) > 1]

    def _outputs(self, image: Image, layers: Sequence[str]) -> Mapping[str, Any]:
        """Return what the module itself gives at these layers."""
        scaled = self._sides.scaled(image)
        ready: Tensor = _Ready.apply(scaled, self._mean, self._deviation)
        return self._cut(tuple(layers))(self._sides.filled(ready))

    def _zeros(self, size: Size) -> Tensor:
        return torch.zeros(1, 3, *self._sides.of(size), device=self._mean.device)

    def _cut(self, layers: tuple[str, ...]) -> Cut:
        # A cut is no part of the module, so it stays behind when the module moves.
        device = self._mean.device
        if (device, layers) not in self._cuts:
            self._cuts[device, layers] = self._way.cut(layers, device)
        return self._cuts[device, layers]

    @cached_property
    def _way(self) -> TracedNetwork | HookedNetwork:
        """How the module is cut."""
        try:
            return TracedNetwork(self._module, leaves=self._leaves, functions=self._functions)
        except Exception:  # tracing runs the module's own code, which fails in its own ways
            # tracing tries both modes, and where it fails it leaves the module in that of training
            return HookedNetwork(self._module.eval(), self._zeros(TRIED[-1][0]))

    @cached_property
    def _blocks(self) -> list[str]:
        """The blocks of the whole network that can be read."""
        found = self._tried(outline(self._way.names))
        return [name for name, layout in found.items() if layout is not None]

    @cached_property
    def _last(self) -> str:
        """The last layer; what stands behind it are steps of the code."""
        return next(name for name in reversed(self._way.names) if self._tried([name])[name])

    def _read(self, layers: Sequence[str]) -> Mapping[str, Layout]:
        """Return how these layers are read. Raises UserError for one that is not there or has no
        map.
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
                near = near_names(layer, [*self._blocks, *self.layers()])
                raise UserError(
                    f"objective.layers: must name layers that are maps or lists of channels, got "
                    f"{layer!r}, which is a step between; near ones are {near}"
                )
        return layouts

    @torch.no_grad()
    def _tried(self, layers: Sequence[str]) -> dict[str, Layout | None]:
        """Return how these layers are read, None = not at all, found by a look at two small
        pictures.
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
        """Return the shape of what each layer gives; (0,) of what is no tensor, or the same for
        all.
        """
        with torch.enable_grad():
            outputs = self._outputs(self._zeros(size).requires_grad_(), layers)
        return {
            layer: output.shape if isinstance(output, Tensor) and output.requires_grad else (0,)
            for layer, output in outputs.items()
        }


class _Ready(torch.autograd.Function):
    """A picture, (1, 3, H, W), normalised, laid out channels-last, in the numbers of autocast."""

    @staticmethod
    def forward(context: Any, picture: Tensor, mean: Tensor, deviation: Tensor) -> Tensor:
        context.deviation, context.kind = deviation, picture.dtype
        normalised, device = (picture - mean).div_(deviation), picture.device.type
        if torch.amp.is_autocast_available(device) and torch.is_autocast_enabled(device):
            normalised = normalised.to(torch.get_autocast_dtype(device))
        # of three channels torch's own way to lay them out takes twice as long
        ready = torch.empty_like(normalised, memory_format=torch.channels_last)
        torch.stack(normalised.unbind(1), -1, out=ready.permute(0, 2, 3, 1))
        return ready

    @staticmethod
    @once_differentiable
    def backward(context: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        # laid out as pictures are, for all that is done to it goes over both
        plain = gradient.to(context.kind, memory_format=torch.contiguous_format)
        return plain / context.deviation, None, None


def _by_channel(values: Sequence[float]) -> Tensor:
    """Return these values, (1, 3, 1, 1); (1, 1, 1, 1) where all are the same, which a CPU takes a
    quarter of the time for.
    """
    one = len(set(values)) == 1
    return torch.tensor(values[:1] if one else values).view(1, -1, 1, 1)


def check_layer(layer: str, known: Sequence[str]) -> None:
    """Check that the layer is one of these names, or a block that holds some. Raises UserError."""
    # A block is asked for by its own name; fx names only what lies inside it.
    if layer in known or any(name.startswith(f"{layer}.") for name in known):
        return
    raise UserError(
        f"objective.layers: must name layers of the model, got {layer!r}; "
        f"near ones are {near_names(layer, [*outline(known), *known])}"
    )


def near_names(name: str, known: Sequence[str]) -> str:
    """Return those of the known names that are most like it, or the first, with commas between
    them.
    """
    near = difflib.get_close_matches(name, dict.fromkeys(known), n=4, cutoff=0.3)
    return ", ".join(near or known[:6])
