"""What sizes of pictures a network can look at, and how others are brought to one."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pipeline.frame import Image
from pipeline.model.network.layout import Size

WHOLES = (1, 32, 14, 64, 224, 256)
"""Pixels, of which a network may want its sides to be multiples: patches, strides, windows."""


LEAST = 97
"""Pixels, the side of the pictures that are tried: odd, and enough for what pools five times."""


@dataclass(frozen=True)
class Sides:
    """Heights and widths of pictures that a network can look at."""

    whole: int = 1
    """Height and width must be multiples of it, pixels."""
    only: int | None = None
    """The one side, of a square, that a network can look at at all; None = any."""

    def of(self, size: Size) -> Size:
        """Return the size that a picture of this size is brought to."""
        if self.only is not None:
            return self.only, self.only
        height, width = (-(-side // self.whole) * self.whole for side in size)
        return height, width

    def scaled(self, image: Image) -> Image:
        """Return the image, scaled where the network looks at one size only."""
        if self.only is None:
            return image
        return F.interpolate(
            image, (self.only, self.only), mode="bilinear", align_corners=False, antialias=True
        )

    def filled(self, normalised: Tensor) -> Tensor:
        """Return the same with zeros, the mean of all pictures, at the right and at the bottom."""
        height, width = normalised.shape[2:]
        whole = self.of((height, width))
        if whole == (height, width):
            return normalised
        return F.pad(normalised, (0, whole[1] - width, 0, whole[0] - height))

    def seen(self, activation: Tensor, size: Size) -> Tensor:
        """Of a map of what was filled up, the places that show a picture of this size."""
        whole = self.of(size)
        if self.only is not None or whole == size or activation.ndim != 4:
            return activation
        rows, columns = (
            -(-places * side // filled)
            for places, side, filled in zip(activation.shape[2:], size, whole, strict=True)
        )
        return activation[:, :, :rows, :columns]


@torch.no_grad()
def sides_of(module: nn.Module, only: int) -> Sides:
    """Return what this network can look at, found by trying. only: its own side, where nothing else
    goes.

    A network says so itself nowhere; what it cannot do, it fails at in its own way.
    """
    for whole in WHOLES:
        count = -(-LEAST // whole)
        side, longer = count * whole, (count + 1) * whole  # one of the two is an odd multiple
        try:
            module(torch.zeros(1, 3, side, longer))
            module(torch.zeros(1, 3, longer, side))
        except (AssertionError, RuntimeError, ValueError, IndexError, TypeError):
            continue
        return Sides(whole)
    return Sides(only=only)
