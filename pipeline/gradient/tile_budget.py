"""How much of a picture a network may hold at once."""

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

LITTLE = 0.75 * GIB
"""Bytes that a step may hold on a CPU: with more it is but a little quicker."""


def default_step_bytes(device: torch.device) -> float:
    """Return bytes that a step may hold on this device: of an NVIDIA GPU half of what it has.

    Not of what is free, so that a render goes on as it began. Where something else has more than
    the other half, tiles grow smaller when memory runs out.
    """
    if device.type == "cuda":
        return torch.cuda.get_device_properties(device).total_memory / 2
    return LITTLE


@dataclass(frozen=True)
class TileBudget:
    """How much of a picture a network may hold at once."""

    side: int | None
    """Pixels of a tile, at most; None = any number."""
    bytes: float | None
    """That one gradient step of the network may hold; None = any number."""
    process_bytes: int | None = None
    """That this process is limited to; None = it is not."""
    footprints: Footprints = field(default_factory=Footprints, repr=False, compare=False)
    """Those that were measured by now."""

    def need(self, model: Model, layers: Sequence[str], device: torch.device) -> Footprint:
        """Return what these layers take; measured once."""
        return self.footprints.of(model, layers, device)

    def tiles(self, need: Footprint, height: int, width: int) -> list[Tile]:
        """Return the tiles of a picture of this size, in pixels; the whole of it where there is
        room.

        Where there is none even for the smallest, those.
        """
        if not need.even:
            return cut_tiles(height, width)
        return cut_tiles(height, width, need.margin, lambda *sides: self.fits(need, *sides))

    def fits(self, need: Footprint, height: int, width: int) -> bool:
        """Return whether a picture of this size, in pixels, may be looked at as a whole."""
        small = self.side is None or max(height, width) <= self.side
        return small and (self.bytes is None or height * width * need.bytes <= self.bytes)

    def smaller(self, need: Footprint, height: int, width: int) -> TileBudget | None:
        """Return the budget of the next smaller tiles of a picture; None = there are none."""
        tall, wide = self.tiles(need, height, width)[0].sides
        area = tall * wide
        for halved in range(1, area.bit_length()):
            smaller = self.within(area * need.bytes / 2**halved)
            tall, wide = smaller.tiles(need, height, width)[0].sides
            if tall * wide < area:
                return smaller
        return None

    def within(self, most: float | None) -> TileBudget:
        """Return the same, of at most so many bytes; None = as it is."""
        if most is None:
            return self
        return replace(self, bytes=most if self.bytes is None else min(most, self.bytes))

    def log_tiling(self, need: Footprint, height: int, width: int) -> None:
        """Log how pictures of this size are cut, if so. Raises UserError where tiles are too small.

        height, width: in pixels.
        """
        tiles = self.tiles(need, height, width)
        tall, wide = tiles[0].sides
        if self.fits(need, tall, wide):
            if len(tiles) > 1:
                log.info("tiles: %d of %dx%d pixels a picture", len(tiles), wide, tall)
        elif not need.even:
            log.warning("tile: none, for layers whose strides do not divide %d pixels", PERIOD)
        elif self.side is not None:
            raise UserError(
                f"tile: must be at least {2 * need.margin + 2 * PERIOD} for what these layers see, "
                f"got {self.side}; set tile=auto, or choose earlier layers"
            )
        else:
            log.warning(
                "tile_memory: %.2f instead of %.2f, for these layers' smallest tiles",
                tall * wide * need.bytes / GIB,
                (self.bytes or 0) / GIB,
            )
