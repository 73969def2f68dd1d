"""Retry on out-of-memory: the frame is dreamt again from the start, in smaller tiles."""

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
    """A Dreamer around another that, when out of memory, repeats the frame in smaller tiles.

    The whole frame is repeated, so it is never a mixture of both attempts.
    """

    dreamer: Dreamer
    """The dreamer to call."""

    def __call__(
        self, canvas: Canvas, gradient_fn: GradientFn, rng: torch.Generator, *, memory: Memory
    ) -> Dream:
        """Return the dream, with `step_bytes` set to the bytes that its steps were allowed to hold.

        gradient_fn: a Gradient. Any other function has no tiles and is used without retry. Raises
        UserError if memory is too small for the smallest tiles, or if tiling is off.
        """
        if not isinstance(gradient_fn, Gradient):
            return self.dreamer(canvas, gradient_fn, rng, memory=memory)
        gradient, start = gradient_fn, rng.get_state()
        while (dream := self._tried(canvas, gradient, rng, memory)) is None:
            # here, where nothing refers to the failed attempt's tensors any more
            keep_no_freed_memory()
            if gradient.tile_budget is not None:
                discount_freed_memory(gradient.tile_budget.process_bytes)
            rng.set_state(start)
            gradient = replace(gradient, tile_budget=_smaller_budget(gradient, canvas.image))
        return replace(dream, step_bytes=gradient.step_bytes)

    def fit(self, height: int, width: int, smallest_side: int) -> OomRetry:
        """Return the same retry around a dreamer that fits pictures of this size."""
        return OomRetry(self.dreamer.fit(height, width, smallest_side))

    def _tried(
        self, canvas: Canvas, gradient: Gradient, rng: torch.Generator, memory: Memory
    ) -> Dream | None:
        """Return the dream. None: out of memory."""
        try:
            return self.dreamer(canvas, _TidyGradient(gradient), rng, memory=memory)
        except Exception as error:
            # without tiles there is no retry, so unrecoverable errors are reported too
            untiled = gradient.tile_budget is None
            if not (is_out_of_memory(error) or (untiled and is_unrecoverable_oom(error))):
                raise
            return None


class _TidyGradient:
    """A GradientFn for one dream that releases freed memory when the image size changes.

    Only for tiled images: the sizes of small images change twice per frame, and returning their
    memory to the system each time makes them slow.
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


def _smaller_budget(gradient: Gradient, image: Image) -> TileBudget:
    """Return the budget of the next smaller tiles. Raises UserError if there are none."""
    height, width = image.shape[2:]
    budget = gradient.tile_budget
    if budget is None:
        raise UserError(
            f"tile: must not be null if memory is not sufficient for {width}x{height} pixels at "
            "once, got null; set tile=auto, or a smaller width"
        )
    need = budget.need(gradient.model, gradient.objective.active, image.device)
    tall, wide = budget.tiles(need, height, width)[0].sides
    smaller = budget.smaller(need, height, width)
    if smaller is None:
        raise UserError(
            "limits.memory, tile_memory: must be sufficient for the smallest tiles, got too little "
            f"for {wide}x{tall} of {width}x{height} pixels on {image.device}; free memory, "
            "increase limits.memory, or set a smaller width"
        )
    tiles = smaller.tiles(need, height, width)
    log.warning(
        "not enough memory for %dx%d pixels at once: from now on %d tiles of %dx%d are used, "
        "as with tile_memory=%.3f",
        wide,
        tall,
        len(tiles),
        *tiles[0].sides[::-1],
        (smaller.bytes or 0) / GIB,
    )
    return smaller
