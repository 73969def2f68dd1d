"""What tiles must fit: the strides of a network's layers, and the memory of a step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from pipeline.gradient.tiles import PERIOD
from pipeline.model import Model

MARGIN = 4
"""Places of the deepest layer that a margin is wide."""
SIDE = 128
"""Pixels a side of the smaller of the two images that a network is measured with, at least."""
FURTHER = 3 * PERIOD
"""Pixels by which the other is larger: over one period a stride of 14 would pass for 16."""


@dataclass(frozen=True)
class Footprint:
    """Strides and memory of one gradient step of some layers."""

    strides: Mapping[str, int | None]
    """Layer -> pixels between two places; None = it has none (class scores)."""
    bytes: float
    """That a step holds for each pixel."""
    even: bool
    """Whether all strides divide the period, so that tiles can be cut."""

    @property
    def margin(self) -> int:
        """Pixels of context around a core, a multiple of the period.

        Narrower than what a place can see, for it hardly looks at its rim: beside a seam through a
        photograph Lite0's gradient is off by 0.2 % (blocks.4), 0.5 % (blocks.7), 8 % (blocks.9) or
        2 % (blocks.11) of its deviation, and each step has its seams elsewhere. The last layers
        see too much for that: blocks.15 is off by 25 % there, and by 9 % with half as much again.
        """
        widest = max(stride or PERIOD for stride in self.strides.values())
        return -(-MARGIN * widest // PERIOD) * PERIOD


class Footprints:
    """Footprints of networks' layers, each measured once."""

    def __init__(self) -> None:
        self._measured: dict[tuple[Model, tuple[str, ...]], Footprint] = {}

    def of(self, model: Model, layers: Sequence[str], device: torch.device) -> Footprint:
        """Return what these layers take."""
        asked = model, tuple(layers)
        if asked not in self._measured:
            self._measured[asked] = footprint(model, layers, device)
        return self._measured[asked]


def footprint(model: Model, layers: Sequence[str], device: torch.device) -> Footprint:
    """Return what these layers take, measured with two small images."""
    small = -(-max(SIDE, model.smallest_side(layers)) // PERIOD) * PERIOD
    large = small + FURTHER
    (few, held), (many, held_more) = (
        _looked(model, layers, side, device) for side in (small, large)
    )
    steps = {layer: many[layer] - few[layer] for layer in layers}
    return Footprint(
        strides={layer: FURTHER // step if step else None for layer, step in steps.items()},
        bytes=(held_more - held) / (large**2 - small**2),
        even=all(
            step == 0 or FURTHER % step == PERIOD % (FURTHER // step) == 0
            for step in steps.values()
        ),
    )


def _looked(
    model: Model, layers: Sequence[str], side: int, device: torch.device
) -> tuple[dict[str, int], float]:
    """Return how many places each layer has along this side, and the bytes that a step holds.

    Held is what the way back needs, and on it, beside that, the gradient that goes into an
    operation and the one that comes out: each at most as large as the largest activation, in
    float32.
    """
    held: dict[int, int] = {}
    gradients: list[float] = [0]

    def kept(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        held[storage.data_ptr()] = storage.nbytes()
        gradients.append(storage.nbytes() * torch.float32.itemsize / tensor.itemsize)
        return tensor

    image = torch.zeros(1, 3, side, side, device=device, requires_grad=True)
    with torch.autograd.graph.saved_tensors_hooks(kept, lambda tensor: tensor):
        activations = model(image, layers)
    places = {name: seen.shape[2] if seen.ndim == 4 else 0 for name, seen in activations.items()}
    return places, sum(held.values()) + 2 * max(gradients)
