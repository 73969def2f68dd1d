"""A frame dreamt again from its beginning, in smaller tiles, where memory does not suffice."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace

import torch

from pipeline.dreamer import Dream
from pipeline.errors import UserError
from pipeline.frame import Image
from pipeline.gradient import Gradient
from pipeline.gradient.tile_budget import TileBudget
from pipeline.runtime.malloc import keep_no_freed_memory
from pipeline.runtime.memory_limit import GIB, let_what_is_free_be_used
from pipeline.runtime.oom import out_of_memory, out_of_memory_for_good

log = logging.getLogger(__name__)


def dreamt_within_memory(
    dreamt: Callable[[Gradient], Dream], gradient: Gradient, image: Image, rng: torch.Generator
) -> tuple[Dream, Gradient]:
    """The dream, and the gradient that it was climbed with: this one, or one in smaller tiles.

    A frame is never half of one and half of the other. dreamt: the whole of it, from this image.
    rng: what it draws from, put back for each try. Raises UserError where the smallest tiles take
    too much, or a picture must not be cut.
    """
    start = rng.get_state()
    while (dream := _tried(dreamt, gradient)) is None:
        # here, where nothing holds on any more to what the last try had come to
        keep_no_freed_memory()
        let_what_is_free_be_used()
        rng.set_state(start)
        gradient = replace(gradient, room=_smaller(gradient, image))
    return dream, gradient


def _tried(dreamt: Callable[[Gradient], Dream], gradient: Gradient) -> Dream | None:
    """The dream; None = memory does not suffice."""
    try:
        return dreamt(gradient)
    except Exception as error:
        # what does not find back is of no matter to whoever has nothing smaller to try
        whole = gradient.room is None
        if not (out_of_memory(error) or (whole and out_of_memory_for_good(error))):
            raise
        return None


def _smaller(gradient: Gradient, image: Image) -> TileBudget:
    """Room for smaller tiles than those. Raises UserError where there are none."""
    height, width = image.shape[2:]
    if gradient.room is None:
        raise UserError(
            f"tile: must not be null where memory does not suffice for the whole of {width}x"
            f"{height} pixels, got null; say tile=auto, or give a smaller width"
        )
    need = gradient.room.need(gradient.model, gradient.aim.active, image.device)
    tall, wide = gradient.room.tiles(need, height, width)[0].sides
    room = gradient.room.smaller(need, height, width)
    if room is None:
        raise UserError(
            f"limits.memory, tile_memory: must suffice for the smallest tiles, got too little for "
            f"{wide}x{tall} of {width}x{height} pixels on {image.device}; free memory, raise "
            "limits.memory, or give a smaller width"
        )
    tiles = room.tiles(need, height, width)
    log.warning("memory does not suffice for %dx%d pixels at once: from here on %d tiles of %dx%d, "
                "as with tile_memory=%.3f", wide, tall, len(tiles), *tiles[0].sides[::-1],
                (room.bytes or 0) / GIB)  # fmt: skip
    return room
