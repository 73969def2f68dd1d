"""Tile budget: how much of an image a network may process at once."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import torch

from pipeline.errors import UserError
from pipeline.gradient.footprint import Footprint, Footprints
from pipeline.gradient.tiles import PERIOD, Tile, cut_tiles
from pipeline.model import Model
from pipeline.runtime.memory_limit import GIB

log = logging.getLogger(__name__)

CPU_STEP_BYTES = 0.75 * GIB
"""Default maximum number of bytes of a step on a CPU; with more it is only slightly faster."""


def default_step_bytes(device: torch.device) -> float:
    """Return the default number of bytes that a step may hold on this device.

    On an NVIDIA GPU half of its memory; not half of its free memory, so that a resumed render uses
    the same tiles. If other programs use more than the other half, tiles become smaller when memory
    runs out.
    """
    if device.type == "cuda":
        return torch.cuda.get_device_properties(device).total_memory / 2
    return CPU_STEP_BYTES


@dataclass(frozen=True)
class TileBudget:
    """Limits on how much of an image a network may process at once."""

    side: int | None
    """Maximum side of a tile, in pixels. None: no limit."""
    bytes: float | None
    """Maximum number of bytes that a gradient step of the network may hold. None: no limit."""
    process_bytes: int | None = None
    """Maximum number of bytes of this process. None: no limit."""
    footprints: Footprints = field(default_factory=Footprints, repr=False, compare=False)
    """Footprints measured so far."""

    def need(self, model: Model, layers: Sequence[str], device: torch.device) -> Footprint:
        """Return the footprint of these layers, measured on the first call."""
        return self.footprints.of(model, layers, device)

    def tiles(self, need: Footprint, height: int, width: int) -> list[Tile]:
        """Return the tiles of an image of this size, in pixels; one tile if all of it fits.

        If not even the smallest tiles fit, the smallest. If the strides of the layers do not allow
        tiles, one tile.
        """
        if not need.is_tileable:
            return cut_tiles(height, width)
        return cut_tiles(height, width, need.margin, lambda *sides: self.fits(need, *sides))

    def fits(self, need: Footprint, height: int, width: int) -> bool:
        """Return whether an image of this size, in pixels, may be processed as a whole."""
        small = self.side is None or max(height, width) <= self.side
        return small and (self.bytes is None or height * width * need.bytes <= self.bytes)

    def smaller(self, need: Footprint, height: int, width: int) -> TileBudget | None:
        """Return the budget of the next smaller tiles of an image. None: there are none."""
        tall, wide = self.tiles(need, height, width)[0].sides
        area = tall * wide
        for halvings in range(1, area.bit_length()):
            smaller = self.within(area * need.bytes / 2**halvings)
            tall, wide = smaller.tiles(need, height, width)[0].sides
            if tall * wide < area:
                return smaller
        return None

    def within(self, most: float | None) -> TileBudget:
        """Return the budget, limited to `most` bytes. None: unchanged."""
        if most is None:
            return self
        return replace(self, bytes=most if self.bytes is None else min(most, self.bytes))

    def log_tiling(self, need: Footprint, height: int, width: int) -> None:
        """Log the tiling of images of this size, in pixels, if they are tiled.

        Raises UserError if `side` is too small for these layers.
        """
        tiles = self.tiles(need, height, width)
        tall, wide = tiles[0].sides
        if self.fits(need, tall, wide):
            if len(tiles) > 1:
                log.info("tiles: %d of %dx%d pixels per picture", len(tiles), wide, tall)
        elif not need.is_tileable:
            log.warning(
                "tile: ignored, because the strides of these layers do not divide %d pixels", PERIOD
            )
        elif self.side is not None:
            raise UserError(
                f"tile: must be at least {2 * need.margin + 2 * PERIOD} for the receptive field of "
                f"these layers, got {self.side}; set tile=auto, or choose earlier layers"
            )
        else:
            log.warning(
                "tile_memory: %.2f is used instead of %.2f, for the smallest tiles of these layers",
                tall * wide * need.bytes / GIB,
                (self.bytes or 0) / GIB,
            )
