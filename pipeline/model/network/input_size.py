"""Image sizes that a network accepts, and how other images are padded or scaled to one."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pipeline.frame import Image
from pipeline.model.network.layout import Size

MULTIPLES = (1, 32, 14, 64, 224, 256)
"""Divisors, in pixels, that a network may require of image sides: patches, strides, windows."""


MIN_SIDE = 97
"""Smallest side, in pixels, of the images to try: odd, and large enough for five poolings."""


@dataclass(frozen=True)
class Sides:
    """Image sizes that a network accepts."""

    whole: int = 1
    """Required divisor of height and width, in pixels."""
    only: int | None = None
    """Side, in pixels, of the only size accepted, a square. None: any multiples of `whole`."""

    def of(self, size: Size) -> Size:
        """Return the size to which an image of this size is padded or scaled."""
        if self.only is not None:
            return self.only, self.only
        height, width = (-(-side // self.whole) * self.whole for side in size)
        return height, width

    def scaled(self, image: Image) -> Image:
        """Return the image, scaled if the network accepts only one size."""
        if self.only is None:
            return image
        return F.interpolate(
            image, (self.only, self.only), mode="bilinear", align_corners=False, antialias=True
        )

    def filled(self, normalised: Tensor) -> Tensor:
        """Return the image, padded at the right and bottom with zeros, the mean colour."""
        height, width = normalised.shape[2:]
        whole = self.of((height, width))
        if whole == (height, width):
            return normalised
        return F.pad(normalised, (0, whole[1] - width, 0, whole[0] - height))

    def seen(self, activation: Tensor, size: Size) -> Tensor:
        """Return the part of a map that shows an image of this size, without its padding."""
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
    """Return the image sizes that this network accepts, found by trial.

    Networks do not declare them, and fail in various ways with other sizes. only: side, in pixels,
    of the square to use if no other size works.
    """
    for whole in MULTIPLES:
        count = -(-MIN_SIDE // whole)
        side, longer = count * whole, (count + 1) * whole  # one of the two is an odd multiple
        try:
            module(torch.zeros(1, 3, side, longer))
            module(torch.zeros(1, 3, longer, side))
        except (AssertionError, RuntimeError, ValueError, IndexError, TypeError):
            continue
        return Sides(whole)
    return Sides(only=only)
