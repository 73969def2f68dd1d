"""Leaves out the steps of a dream whose gradient is not finite."""

from __future__ import annotations

import logging
from dataclasses import dataclass

import torch
from torch import Tensor

from pipeline.canvas import Canvas
from pipeline.dreamer import Dream, Dreamer, GradientFn
from pipeline.errors import UserError
from pipeline.frame import Image, Memory

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class FiniteSteps:
    """A Dreamer around another, which gets a gradient of 0 in place of one that is not finite.

    Nothing but numbers gets into a dream, where anything else would stay for ever.
    """

    dreamer: Dreamer
    """The one that dreams."""

    def __call__(
        self, canvas: Canvas, gradient_fn: GradientFn, rng: torch.Generator, *, memory: Memory
    ) -> Dream:
        """Return the dream, and log how many of its steps were left out, if any.

        Raises UserError where none is left in the first frame: the network gives no numbers.
        """
        finite = _Finite(gradient_fn)
        dream = self.dreamer(canvas, finite, rng, memory=memory)
        steps, left_out = finite.counts()
        if left_out and left_out == steps and canvas.index == 0:
            raise UserError(
                "model, model.weights: must give finite numbers, got none in any step of the first "
                "frame; take other weights, another layer or objective"
            )
        if left_out:
            log.warning(
                "frame %d: %d of %d steps left out, whose gradient was not finite",
                canvas.index,
                left_out,
                steps,
            )
        return dream

    def fit(self, height: int, width: int, smallest_side: int) -> FiniteSteps:
        """Return the same around the dreamer that fits pictures of this size."""
        return FiniteSteps(self.dreamer.fit(height, width, smallest_side))


class _Finite:
    """A GradientFn for one dream, which notes where another was not finite."""

    def __init__(self, gradient_fn: GradientFn) -> None:
        self._gradient_fn = gradient_fn
        self._lost: list[Tensor] = []

    def __call__(self, image: Image) -> tuple[Tensor, Tensor]:
        gradient, score = self._gradient_fn(image)
        # the sum is a number if all of it is; 0 times anything else is none
        lost = gradient.sum() * 0 != 0
        self._lost.append(lost)
        if gradient.device.type != "cpu":
            gradient.masked_fill_(lost, 0)  # decided there, for it need not be waited for
        elif lost:
            gradient.zero_()
        return gradient, score

    def counts(self) -> tuple[int, int]:
        """Return how many gradients there were, and how many of them were not finite."""
        return len(self._lost), int(torch.stack(self._lost).sum()) if self._lost else 0
