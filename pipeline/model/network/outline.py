"""The layers of a network that are worth a look: its blocks, rather than each operation."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

SHARE = 0.2
"""A module that holds more than this share of all layers is looked into."""


def outline(layers: Sequence[str]) -> list[str]:
    """Return the blocks that these dotted names fall into, in their order, each by a name one may
    ask for.

    Where one module holds most of a network (blocks, features), its children stand for it.
    """
    return _within(layers, 0, len(layers) * SHARE)


def is_map(activation: object) -> bool:
    """Return whether an activation has places, (1, C, h, w), rather than being a point or a
    list."""
    return isinstance(activation, Tensor) and activation.ndim == 4 and min(activation.shape[2:]) > 1


def _within(layers: Sequence[str], depth: int, most: float) -> list[str]:
    """Return the same for names that are equal up to this depth."""
    groups: dict[str, list[str]] = {}
    for layer in layers:
        groups.setdefault(".".join(layer.split(".")[: depth + 1]), []).append(layer)
    found = []
    for name, members in groups.items():
        inner = [member for member in members if member != name]
        found += _within(inner, depth + 1, most) if len(inner) > most else [name]
    return found
