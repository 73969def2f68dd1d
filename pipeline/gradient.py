"""The slope that a dreamer climbs: the gradient of an aim in a model's view of an image."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from pipeline.frame import Image
from pipeline.model import Model
from pipeline.objective import Aim, total

TINY = 1e-12
"""A flat picture may have no slope at all."""


@dataclass(frozen=True)
class Gradient:
    """Where to, and how well already."""

    model: Model
    aim: Aim

    def __call__(self, image: Image) -> tuple[Tensor, Tensor]:
        """The gradient, (1, 3, H, W), and the score, a scalar, both detached.

        Of several terms each has its own gradient, brought to a deviation of 1 and weighted: half
        the weight is half the look, whatever the scales of the layers, and a cross-fade is even.
        """
        image = image.detach().requires_grad_(True)
        activations = self.model(image, self.aim.active)
        terms = self.aim.terms(activations).values()
        slopes = []
        for left, (weight, term) in zip(range(len(terms) - 1, -1, -1), terms, strict=True):
            (slope,) = torch.autograd.grad(term, image, retain_graph=left > 0)
            if len(terms) > 1:
                slope = slope / (slope.std() + TINY)
            slopes.append(slope * weight)
        score = total(terms).detach()
        return (slopes[0] if len(slopes) == 1 else torch.stack(slopes).sum(dim=0)), score

    @torch.no_grad()
    def score(self, image: Image) -> Tensor:
        """The score alone, a scalar, at about a third of the gradient's cost."""
        return total(self.aim.terms(self.model(image, self.aim.active)).values())

    @property
    def smallest_side(self) -> int:
        """The least height and width, in pixels, of an image that it can be asked for."""
        return self.model.smallest_side(self.aim.layers)
