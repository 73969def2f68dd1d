"""Skipping of gradient steps whose gradient is not finite."""

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
    """A Dreamer around another that replaces gradients that are not finite by 0.

    This keeps NaN and infinity out of the dream, where they would stay forever.
    """

    dreamer: Dreamer
    """The dreamer to call."""

    def __call__(
        self, canvas: Canvas, gradient_fn: GradientFn, rng: torch.Generator, *, memory: Memory
    ) -> Dream:
        """Return the dream, and log the number of skipped steps, if any.

        Raises UserError if all steps of the first frame were skipped: the network is unusable.
        """
        finite = _FiniteGradient(gradient_fn)
        dream = self.dreamer(canvas, finite, rng, memory=memory)
        steps, skipped = finite.counts()
        if skipped and skipped == steps and canvas.index == 0:
            raise UserError(
                "model, model.weights: must give finite gradients, got none in the steps of the "
                "first frame; choose other weights, another layer or another objective"
            )
        if skipped:
            log.warning(
                "frame %d: %d of %d steps skipped, because their gradient was not finite",
                canvas.index,
                skipped,
                steps,
            )
        return dream

    def fit(self, height: int, width: int, smallest_side: int) -> FiniteSteps:
        """Return the same wrapper around a dreamer that fits pictures of this size."""
        return FiniteSteps(self.dreamer.fit(height, width, smallest_side))


class _FiniteGradient:
    """A GradientFn for one dream that counts non-finite gradients and replaces them by 0."""

    def __init__(self, gradient_fn: GradientFn) -> None:
        self._gradient_fn = gradient_fn
        self._lost: list[Tensor] = []

    def __call__(self, image: Image) -> tuple[Tensor, Tensor]:
        gradient, score = self._gradient_fn(image)
        # a non-finite element makes the sum non-finite, and 0 times that is NaN
        not_finite = gradient.sum() * 0 != 0
        self._lost.append(not_finite)
        if gradient.device.type != "cpu":
            gradient.masked_fill_(not_finite, 0)  # without waiting for the device
        elif not_finite:
            gradient.zero_()
        return gradient, score

    def counts(self) -> tuple[int, int]:
        """Return the number of gradients, and how many of them were not finite."""
        return len(self._lost), int(torch.stack(self._lost).sum()) if self._lost else 0
