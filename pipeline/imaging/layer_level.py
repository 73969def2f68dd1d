"""Strength of a dream layer, in each frequency band and in each region of the frame."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

import torch
import torch.nn.functional as F
from torch import Tensor

from pipeline.imaging.cells import cell_means, sample_cells
from pipeline.imaging.metrics import split_bands
from pipeline.imaging.sampling import Border

CELL = 16
"""Approximate side of a cell in pixels: motifs are larger, so that a cell holds a few waves."""
SPREAD = (1 / 6, 4 / 6, 1 / 6)
"""Weights of a cell and its two neighbours along each axis. They keep the sign of every pattern of
cells. Equal weights would invert an alternating pattern, and corrections would then amplify it."""


@dataclass(frozen=True)
class LayerLevel:
    """Strength that a dream layer should keep: root mean squares, of the range [0, 1]."""

    places: Tensor
    """(1, 3, h, w), of each band of `metrics.split_bands`, in cells of about CELL x CELL pixels."""
    shot: Tensor
    """(3,), of each band in the shot's first dream, over the whole frame."""

    @staticmethod
    def of(layer: Tensor) -> LayerLevel:
        """Return the strength of a layer (1, 3, H, W)."""
        places = measure(split_bands(layer))
        return LayerLevel(places, places.square().mean(dim=(0, 2, 3)).sqrt())

    def as_in_shot(self) -> LayerLevel:
        """Return the level with `places` scaled to the strength of the shot's first dream."""
        frame_level = self.places.square().mean(dim=(0, 2, 3)).sqrt()
        factor = self.shot / frame_level.clamp(min=torch.finfo(frame_level.dtype).tiny)
        return LayerLevel(self.places * factor[:, None, None], self.shot)

    def mixed(self, layer: Tensor, weight: Tensor) -> LayerLevel:
        """Return the level with the strength that a layer (1, 3, H, W) has in places.

        weight: (1, 1, H, W) in [0, 1], share of the layer's own strength.
        """
        own = measure(split_bands(layer))
        share = cell_means(weight, (own.shape[2], own.shape[3]))
        return LayerLevel(self.places.lerp(own, share), self.shot)

    def carried(self, positions: Tensor, border: Border) -> LayerLevel:
        """Return the level sampled at the same positions, (1, H, W, 2) in pixels, as the layer."""
        moved = sample_cells(self.places, positions, border)
        # splines overshoot
        lower, upper = self.places.amin(dim=(2, 3), keepdim=True), self.places.amax()
        return LayerLevel(moved.clamp(max=upper).maximum(lower), self.shot)


def measure(bands: Iterable[Tensor]) -> Tensor:
    """Return the root mean square of three bands (1, 3, H, W) around each cell: (1, 3, h, w)."""
    energy = torch.cat([band.square().mean(dim=1, keepdim=True) for band in bands], dim=1)
    height, width = energy.shape[2:]
    energy = cell_means(energy, (-(-height // CELL), -(-width // CELL)))
    padded = F.pad(energy, [1] * 4, mode="replicate")
    return F.conv2d(padded, _spread_kernel(energy.device).expand(3, 1, -1, -1), groups=3).sqrt()


@lru_cache(maxsize=8)  # copying it at every frame would make the GPU wait
def _spread_kernel(device: torch.device) -> Tensor:
    """Return the weights of a cell and its eight neighbours, (3, 3)."""
    line = torch.tensor(SPREAD)
    return torch.outer(line, line).to(device)
