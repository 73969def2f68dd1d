"""Outline of a network: its blocks, instead of every single operation."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

MAX_SHARE = 0.2
"""Share of all layers above which a module is replaced by its children."""


def outline(layers: Sequence[str]) -> list[str]:
    """Return the blocks that contain these dotted names, in order, by names that can be requested.

    A module that holds much of the network (blocks, features) is replaced by its children.
    """
    return _split(layers, 0, len(layers) * MAX_SHARE)


def is_map(activation: object) -> bool:
    """Return whether an activation is a map, (1, C, h, w), larger than 1 in height and width."""
    return isinstance(activation, Tensor) and activation.ndim == 4 and min(activation.shape[2:]) > 1


def _split(layers: Sequence[str], depth: int, most: float) -> list[str]:
    """Return the blocks of names whose first `depth` components are equal.

    most: number of layers above which a block is split further.
    """
    groups: dict[str, list[str]] = {}
    for layer in layers:
        groups.setdefault(".".join(layer.split(".")[: depth + 1]), []).append(layer)
    blocks = []
    for name, members in groups.items():
        inner = [member for member in members if member != name]
        blocks += _split(inner, depth + 1, most) if len(inner) > most else [name]
    return blocks
