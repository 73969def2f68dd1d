"""The slope that a dreamer climbs: the gradient of an objective of a model's view of an image."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from pipeline.frame import Image
from pipeline.model import Model
from pipeline.objective import Objective


@dataclass(frozen=True)
class Gradient:
    """Where to, and how well already."""

    model: Model
    objective: Objective

    def __call__(self, image: Image) -> tuple[Tensor, Tensor]:
        """The gradient of the score, (1, 3, H, W), and the score, a scalar, both detached."""
        image = image.detach().requires_grad_(True)
        score = self.objective(self.model(image, self.objective.layers))
        (gradient,) = torch.autograd.grad(score, image)
        return gradient, score.detach()

    @torch.no_grad()
    def score(self, image: Image) -> Tensor:
        """The score alone, a scalar, at about a third of the gradient's cost."""
        return self.objective(self.model(image, self.objective.layers))

    @property
    def smallest_side(self) -> int:
        """The least height and width, in pixels, of an image that it can be asked for."""
        return self.model.smallest_side(self.objective.layers)
