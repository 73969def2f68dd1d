"""Dreams a frame again from its beginning, in smaller tiles, where memory is not enough."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from pipeline.canvas import Canvas
from pipeline.dreamer import Dream, Dreamer, GradientFn
from pipeline.errors import UserError
from pipeline.frame import Image, Memory
from pipeline.gradient.gradient import Gradient
from pipeline.gradient.tile_budget import TileBudget
from pipeline.runtime.malloc import give_back_freed_memory, keep_no_freed_memory
from pipeline.runtime.memory_limit import GIB, discount_freed_memory
from pipeline.runtime.oom import is_out_of_memory, is_unrecoverable_oom

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class OomRetry:
    """A Dreamer around another: out of memory, it dreams the frame again in smaller tiles.

    A frame is never half of one and half of the other.
    """

    dreamer: Dreamer
    """The one that dreams."""

    def __call__(
        self, canvas: Canvas, gradient_fn: GradientFn, rng: torch.Generator, *, memory: Memory
    ) -> Dream:
        """Return the dream, with the bytes that its steps were allowed to hold.

        gradient_fn: a Gradient; another has no tiles, and is used as it is. Raises UserError where
        the smallest tiles take too much, or a picture must not be cut.
        """
        if not isinstance(gradient_fn, Gradient):
            return self.dreamer(canvas, gradient_fn, rng, memory=memory)
        gradient, start = gradient_fn, rng.get_state()
        while (dream := self._tried(canvas, gradient, rng, memory)) is None:
            # here, where nothing holds on any more to what the last try had come to
            keep_no_freed_memory()
            if gradient.tile_budget is not None:
                discount_freed_memory(gradient.tile_budget.process_bytes)
            rng.set_state(start)
            gradient = replace(gradient, tile_budget=_smaller(gradient, canvas.image))
        return replace(dream, step_bytes=gradient.step_bytes)

    def fit(self, height: int, width: int, smallest_side: int) -> OomRetry:
        """Return the same around the dreamer that fits pictures of this size."""
        return OomRetry(self.dreamer.fit(height, width, smallest_side))

    def _tried(
        self, canvas: Canvas, gradient: Gradient, rng: torch.Generator, memory: Memory
    ) -> Dream | None:
        """Return the dream; None = memory is not enough."""
        try:
            return self.dreamer(canvas, _TidyGradient(gradient), rng, memory=memory)
        except Exception as error:
            # without tiles there is nothing smaller to try, so even what stays broken is caught
            whole = gradient.tile_budget is None
            if not (is_out_of_memory(error) or (whole and is_unrecoverable_oom(error))):
                raise
            return None


class _TidyGradient:
    """A GradientFn for one dream, which gives back freed memory before tiles of another size.

    Only for pictures that are cut: the sizes of small ones change twice a frame, and giving back
    what they free is what made them slow.
    """

    def __init__(self, gradient: Gradient) -> None:
        self._gradient = gradient
        self._size: tuple[int, ...] = ()

    def __call__(self, image: Image) -> tuple[Tensor, Tensor]:
        size = tuple(image.shape[2:])
        if size != self._size:
            self._size = size
            if self._gradient.is_tiled(image):
                give_back_freed_memory()
        return self._gradient(image)


def _smaller(gradient: Gradient, image: Image) -> TileBudget:
    """Return the budget of smaller tiles. Raises UserError where there are none."""
    height, width = image.shape[2:]
    budget = gradient.tile_budget
    if budget is None:
        raise UserError(
            f"tile: must not be null where memory is not enough for the whole of {width}x"
            f"{height} pixels, got null; set tile=auto, or give a smaller width"
        )
    need = budget.need(gradient.model, gradient.objective.active, image.device)
    tall, wide = budget.tiles(need, height, width)[0].sides
    smaller = budget.smaller(need, height, width)
    if smaller is None:
        raise UserError(
            f"limits.memory, tile_memory: must be enough for the smallest tiles, got too little "
            f"for {wide}x{tall} of {width}x{height} pixels on {image.device}; free memory, raise "
            "limits.memory, or give a smaller width"
        )
    tiles = smaller.tiles(need, height, width)
    log.warning(
        "memory is not enough for %dx%d pixels at once: from here on %d tiles of %dx%d, "
        "as with tile_memory=%.3f",
        wide,
        tall,
        len(tiles),
        *tiles[0].sides[::-1],
        (smaller.bytes or 0) / GIB,
    )
    return smaller
