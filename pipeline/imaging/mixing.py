"""Mixing of dream layers."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from pipeline.imaging.cells import cell_means

CELL = 16
"""Approximate side in pixels of the cells in which the strength of a layer is compared."""
STRONGEST = 1.4
"""Largest factor on a layer that mixing has weakened: that of two unrelated layers of a half."""


def mix_layers(one: Tensor, other: Tensor, weight: Tensor) -> Tensor:
    """Return two layers (1, 3, H, W) mixed, as strong as they are.

    weight: (1, 1, H, W) in [0, 1], that of the other one. The mean of motifs that do not match
    exactly, or of different ones, would be weaker than either.
    """
    mixed = one.lerp(other, weight)
    height, width = weight.shape[2:]
    size = -(-height // CELL), -(-width // CELL)
    squares = [layer.square().mean(dim=1, keepdim=True) for layer in (one, other, mixed)]
    wanted = cell_means(squares[0].lerp(squares[1], weight), size)
    factor = wanted / cell_means(squares[2], size).clamp(min=1e-8)
    factor = factor.sqrt().clamp(1, STRONGEST)
    return mixed * F.interpolate(factor, one.shape[2:], mode="bilinear")


def smoothstep(share: Tensor) -> Tensor:
    """Return 3 x^2 - 2 x^3, which rises from 0 to 1 without an edge at either end."""
    return share * share * (3 - 2 * share)
