"""Feature visualisation: an image out of noise that maximises an objective.

Olah, Mordvintsev, Schubert 2017, "Feature Visualization": Adam on a parametrisation of the image,
seen through random views.
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
"""Seconds after which a frame that takes long says how far it is."""
TINY = 1e-12
"""A mask may be black all over."""


@dataclass(frozen=True, config=ConfigDict(arbitrary_types_allowed=True))
class Visualise:
    """Climbs in the numbers of a parametrisation, a share of the way in each frame.

    What is carried from frame to frame is the image, and Adam's moments beside it: a camera may
    move the image, and the momentum goes on as if it had not.
    """

    parametrisation: SkipValidation[Parametrisation]
    """Maps parameters to the image."""
    views: Views
    """Random views that the network sees it through."""
    iterations: Annotated[int, Field(ge=1, le=1_000_000)]
    """Steps in all."""
    snapshots: Annotated[int, Field(ge=1)] | None
    """Frames that the steps are shared by; None = all in one."""
    step_size: Annotated[float, Field(gt=0, le=10)]
    """Learning rate of Adam, in the parametrisation's units."""
    views_a_step: Annotated[int, Field(ge=1, le=1000)]
    """Views whose gradients are averaged in a step."""

    def __call__(
        self, canvas: Canvas, gradient_fn: GradientFn, rng: torch.Generator, *, memory: Memory
    ) -> Dream:
        """Return the image after this frame's share of the steps."""
        image, strength = canvas.image, canvas.step_strength
        width, count = image.shape[3], self._share(canvas.index)
        numbers = self.parametrisation.parameters(image).requires_grad_(True)
        most = strength.full.max()
        rate, weight = self.step_size * float(most), strength.full / (most + TINY)
        optimiser = torch.optim.Adam([numbers], lr=rate, maximize=True)
        # in place, and the last frame's state must stay as it was
        optimiser.state[numbers].update({name: value.clone() for name, value in memory.items()})
        said = time.monotonic()
        for step in range(count):
            numbers.grad = self._climb(numbers, width, gradient_fn, rng, weight)
            optimiser.step()
            if time.monotonic() - said > SILENCE:
                said = time.monotonic()
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
        """Return itself. Raises UserError where a view is too small for the layers."""
        if self.views.side < smallest_side:
            raise UserError(
                f"dreamer.views.side: must be at least {smallest_side} for these layers, got "
                f"{self.views.side}; set dreamer.views.side={smallest_side}"
            )
        return self

    def _share(self, index: int) -> int:
        """Steps of this frame: so many in all by then, less those made before."""
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
        """Return the gradient in the numbers, the sum of what several views give; weight: of each
        pixel.
        """
        image = self.parametrisation.image(numbers, width)
        total = torch.zeros_like(image)
        for _ in range(self.views_a_step):
            view = self.views(image, rng)
            # back in two legs: through the network, then through the view
            upwards, _ = gradient_fn(view)
            total += torch.autograd.grad(view, image, upwards, retain_graph=True)[0]
        return torch.autograd.grad(image, numbers, total * weight)[0]
