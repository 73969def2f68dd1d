"""How strong a dream layer is, in each band of waves and at each place of the frame."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

import torch
import torch.nn.functional as F
from torch import Tensor

from pipeline.imaging.metrics import split_bands
from pipeline.imaging.sampling import Border, sample

CELL = 16
"""Pixels of the side of a place, about: motifs are larger, so that each place holds a few waves."""
SPREAD = (1 / 6, 4 / 6, 1 / 6)
"""Weights of a place and its two neighbours along each axis. They pass every pattern of places with
its sign. Equal weights reverse an alternating one, and a correction would make it ever stronger."""


@dataclass(frozen=True)
class LayerLevel:
    """The strength that a dream layer is to keep: root mean squares, of the range [0, 1]."""

    places: Tensor
    """(1, 3, h, w), of the bands of `metrics.split_bands` in cells of about CELL x CELL pixels."""
    shot: Tensor
    """(3,), of the whole first dream of the shot."""

    @staticmethod
    def of(layer: Tensor) -> LayerLevel:
        """Return the strength that a layer (1, 3, H, W) has."""
        places = measure(split_bands(layer))
        return LayerLevel(places, places.square().mean(dim=(0, 2, 3)).sqrt())

    def as_in_shot(self) -> LayerLevel:
        """Return the level with the places as strong on average as the shot's first dream."""
        whole = self.places.square().mean(dim=(0, 2, 3)).sqrt()
        factor = self.shot / whole.clamp(min=torch.finfo(whole.dtype).tiny)
        return LayerLevel(self.places * factor[:, None, None], self.shot)

    def carried(self, positions: Tensor, border: Border) -> LayerLevel:
        """Return the level moved as the layer is, from positions (1, H, W, 2) in pixels."""
        height, width = positions.shape[1:3]
        h, w = self.places.shape[2:]
        x, y = at_places(positions.permute(0, 3, 1, 2), (h, w)).unbind(1)
        coarse = torch.stack([x * (w / width), y * (h / height)], dim=-1)
        moved = sample(self.places, coarse, border)
        # a spline overshoots
        least, most = self.places.amin(dim=(2, 3), keepdim=True), self.places.amax()
        return LayerLevel(moved.clamp(max=most).maximum(least), self.shot)


def measure(bands: Iterable[Tensor]) -> Tensor:
    """Return the root mean square of three bands (1, 3, H, W) around each place: (1, 3, h, w)."""
    energy = torch.cat([band.square().mean(dim=1, keepdim=True) for band in bands], dim=1)
    height, width = energy.shape[2:]
    energy = at_places(energy, (-(-height // CELL), -(-width // CELL)))
    around = F.pad(energy, [1] * 4, mode="replicate")
    return F.conv2d(around, _spread(energy.device).expand(3, 1, -1, -1), groups=3).sqrt()


@lru_cache(maxsize=8)  # so that a GPU does not wait for it at every frame
def _spread(device: torch.device) -> Tensor:
    """Return the weights of a place and its eight neighbours, (3, 3)."""
    line = torch.tensor(SPREAD)
    return torch.outer(line, line).to(device)


def at_places(image: Tensor, size: tuple[int, int]) -> Tensor:
    """Return the means of an image (1, C, H, W) over size (h, w) places, (1, C, h, w)."""
    return F.adaptive_avg_pool2d(image, size)
