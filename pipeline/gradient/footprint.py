"""Footprint of a network's layers, which determines tiles: strides, and memory of a step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from pipeline.gradient.tiles import PERIOD
from pipeline.model import Model

MARGIN = 4
"""Width of a margin, in positions of the layer with the largest stride."""
SIDE = 128
"""Minimum side, in pixels, of the smaller of the two images used to measure a network."""
EXTRA = 3 * PERIOD
"""Pixels by which the other image is larger: over one period a stride of 14 would look like 16."""


@dataclass(frozen=True)
class Footprint:
    """Strides of some layers, and memory of a gradient step that uses them."""

    strides: Mapping[str, int | None]
    """Layer -> pixels between two positions of its map. None: it has no map (class scores)."""
    bytes: float
    """Number of bytes that a step holds for each pixel."""
    is_tileable: bool
    """Whether all strides divide PERIOD, so that images can be tiled."""

    @property
    def margin(self) -> int:
        """Width of the context around a core, in pixels; a multiple of PERIOD.

        Narrower than the receptive field, because its border has little influence: next to a seam
        through a photograph Lite0's gradient is off by 0.2 % (blocks.4), 0.5 % (blocks.7), 8 %
        (blocks.9) or 2 % (blocks.11) of its standard deviation, and each step has its seams
        elsewhere. The receptive fields of the last layers are too large for that: blocks.15 is off
        by 25 %, and by 9 % with a margin that is half as wide again.
        """
        widest = max(stride or PERIOD for stride in self.strides.values())
        return -(-MARGIN * widest // PERIOD) * PERIOD


class Footprints:
    """Cache of footprints, each measured once on each device.

    A network is moved to another device in place, where other kernels save other tensors.
    """

    def __init__(self) -> None:
        self._measured: dict[tuple[Model, tuple[str, ...], torch.device], Footprint] = {}

    def of(self, model: Model, layers: Sequence[str], device: torch.device) -> Footprint:
        """Return the footprint of these layers."""
        key = model, tuple(layers), device
        if key not in self._measured:
            self._measured[key] = footprint(model, layers, device)
        return self._measured[key]


def footprint(model: Model, layers: Sequence[str], device: torch.device) -> Footprint:
    """Return the footprint of these layers, measured with two small images."""
    small = -(-max(SIDE, model.smallest_side(layers)) // PERIOD) * PERIOD
    large = small + EXTRA
    (positions_small, memory), (positions_large, memory_large) = (
        _measure(model, layers, side, device) for side in (small, large)
    )
    steps = {layer: positions_large[layer] - positions_small[layer] for layer in layers}
    return Footprint(
        strides={layer: EXTRA // step if step else None for layer, step in steps.items()},
        bytes=(memory_large - memory) / (large**2 - small**2),
        is_tileable=all(
            step == 0 or EXTRA % step == PERIOD % (EXTRA // step) == 0 for step in steps.values()
        ),
    )


def _measure(
    model: Model, layers: Sequence[str], side: int, device: torch.device
) -> tuple[dict[str, int], float]:
    """Return each layer's number of positions along this side, and the bytes that a step holds.

    A step holds what the backward pass needs and, during it, the gradients of the output and the
    input of an operation: each at most as large as the largest saved tensor, in float32. A layer
    without a map has 0 positions.
    """
    memory: dict[int, int] = {}
    gradients: list[float] = [0]

    def record(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        memory[storage.data_ptr()] = storage.nbytes()
        gradients.append(storage.nbytes() * torch.float32.itemsize / tensor.itemsize)
        return tensor

    image = torch.zeros(1, 3, side, side, device=device, requires_grad=True)
    with torch.autograd.graph.saved_tensors_hooks(record, lambda tensor: tensor):
        activations = model(image, layers)
    positions = {name: seen.shape[2] if seen.ndim == 4 else 0 for name, seen in activations.items()}
    return positions, sum(memory.values()) + 2 * max(gradients)
