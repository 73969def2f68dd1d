"""Feature visualisation: an image, optimised from noise, that maximises an objective.

Olah, Mordvintsev, Schubert 2017, "Feature Visualization": Adam on a parametrisation of the image,
which the network sees in random views.
"""

from __future__ import annotations

import logging
import time
from typing import Annotated

import torch
from pydantic import ConfigDict, Field, SkipValidation
from pydantic.dataclasses import dataclass
from torch import Tensor

from pipeline.canvas import Canvas
from pipeline.dreamer import Dream, GradientFn
from pipeline.dreamer.parametrisation import Parametrisation
from pipeline.dreamer.views import Views
from pipeline.errors import UserError
from pipeline.frame import Memory

log = logging.getLogger(__name__)

SILENCE = 10.0
"""Seconds between log lines about the progress of a frame."""
TINY = 1e-12
"""Added to the denominator: a mask may be black everywhere."""


@dataclass(frozen=True, config=ConfigDict(arbitrary_types_allowed=True))
class Visualise:
    """Optimises the parameters of an image, with a share of the steps in each frame.

    The image and Adam's moments are carried from frame to frame. A camera moves only the image, not
    the moments.
    """

    parametrisation: SkipValidation[Parametrisation]
    """Mapping between parameters and image."""
    views: Views
    """Random views in which the network sees the image."""
    iterations: Annotated[int, Field(ge=1, le=1_000_000)]
    """Total number of steps."""
    snapshots: Annotated[int, Field(ge=1)] | None
    """Number of frames over which the steps are distributed. None: all in the first frame."""
    step_size: Annotated[float, Field(gt=0, le=10)]
    """Learning rate of Adam, in the units of the parametrisation."""
    views_a_step: Annotated[int, Field(ge=1, le=1000)]
    """Number of views per step, whose gradients are summed; Adam is invariant to their scale."""

    def __call__(
        self, canvas: Canvas, gradient_fn: GradientFn, rng: torch.Generator, *, memory: Memory
    ) -> Dream:
        """Return the image after this frame's share of the steps."""
        image, strength = canvas.image, canvas.step_strength
        width, count = image.shape[3], self._share(canvas.index)
        numbers = self.parametrisation.parameters(image).requires_grad_(True)
        maximum = strength.full.max()
        rate, weight = self.step_size * float(maximum), strength.full / (maximum + TINY)
        optimiser = torch.optim.Adam([numbers], lr=rate, maximize=True)
        # cloned, as Adam updates in place and the last frame's state must not change
        optimiser.state[numbers].update({name: value.clone() for name, value in memory.items()})
        last_log = time.monotonic()
        for step in range(count):
            numbers.grad = self._climb(numbers, width, gradient_fn, rng, weight)
            optimiser.step()
            if time.monotonic() - last_log > SILENCE:
                last_log = time.monotonic()
                log.info("step %d of %d", step + 1, count)
        with torch.no_grad():
            dream = self.parametrisation.image(numbers, width).clamp_(0, 1)
        return Dream(
            image=dream,
            maturity=torch.ones_like(canvas.maturity),
            work={self.views.size(*image.shape[2:]): count * self.views_a_step},
            memory=optimiser.state[numbers],
        )

    def fit(self, height: int, width: int, smallest_side: int) -> Visualise:
        """Return itself. Raises UserError if the views are too small for the layers."""
        if self.views.side < smallest_side:
            raise UserError(
                f"dreamer.views.side: must be at least {smallest_side} for these layers, got "
                f"{self.views.side}; set dreamer.views.side={smallest_side}"
            )
        return self

    def _share(self, index: int) -> int:
        """Return the number of steps in the frame at this index."""
        frames = self.snapshots or 1
        by_now = min(index + 1, frames) * self.iterations // frames
        return by_now - min(index, frames) * self.iterations // frames

    def _climb(
        self,
        numbers: Tensor,
        width: int,
        gradient_fn: GradientFn,
        rng: torch.Generator,
        weight: Tensor,
    ) -> Tensor:
        """Return the gradient with respect to the parameters, summed over several views.

        weight: (1, 1, H, W) or (), factor on the gradient at each pixel.
        """
        image = self.parametrisation.image(numbers, width)
        image_gradient = torch.zeros_like(image)
        for _ in range(self.views_a_step):
            view = self.views(image, rng)
            # backpropagate in two parts: through the network, then through the view
            view_gradient, _ = gradient_fn(view)
            image_gradient += torch.autograd.grad(view, image, view_gradient, retain_graph=True)[0]
        return torch.autograd.grad(image, numbers, image_gradient * weight)[0]
