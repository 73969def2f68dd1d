"""More of what a guide shows: at each place the feature of the guide that fits it best.

Mordvintsev, Olah, Tyka 2015, google/deepdream, "Controlling dreams": the objective is the dot
product with the guide's feature vector that matches best.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Annotated

import torch
import torch.nn.functional as F
from pydantic import Field
from pydantic.dataclasses import dataclass as setting
from torch import Tensor

from pipeline.errors import UserError
from pipeline.frame import Guide, to_image
from pipeline.model import Activations, Model
from pipeline.objective import AllLayers, Layers

PRODUCTS = 1 << 24
"""Of places by places of the guide, the most that are held at once: 64 MB."""


@setting(frozen=True)
class Guided:
    """The mean agreement with the guide over the places of each layer.

    layers: names; one may stand alone. guide_size: pixels of the guide's shorter side as it is
    looked at; a motif comes at the size that it has there, and larger in smaller octaves.
    """

    layers: Layers
    guide_size: Annotated[int, Field(ge=16, le=4096)]

    def bind(self, model: Model, guide: Guide | None = None) -> GuideMatch:
        """Return the agreement with this guide. Raises UserError without one, or for a size too
        small.
        """
        if guide is None:
            raise UserError(
                "guide: must be given for objective=guide, got nothing; set guide=FILE, a picture "
                "or a video"
            )
        if self.guide_size < (least := model.smallest_side(self.layers)):
            raise UserError(
                f"objective.guide_size: must be at least {least} for these layers, got "
                f"{self.guide_size}; set objective.guide_size={least}"
            )
        return GuideMatch(model, self.layers, guide, self.guide_size)


@dataclass(frozen=True)
class GuideMatch(AllLayers):
    """The guide as it is seen by a model, and how well other activations agree with it."""

    model: Model
    """The network."""
    layers: tuple[str, ...]
    """In which activations are compared."""
    guide: Guide
    """The picture to match."""
    size: int
    """Pixels of the guide's longer side as the network sees it."""

    @property
    def is_tileable(self) -> bool:
        """Every place is compared by itself."""
        return True

    def terms(self, activations: Activations) -> dict[str, tuple[float, Tensor]]:
        """Return each layer's mean dot product of a place's features and those that fit it best."""
        sought = features(self, activations[self.layers[0]].device)
        return {layer: (1.0, agreement(activations[layer], sought[layer])) for layer in self.layers}


@lru_cache(maxsize=4)  # asked at every step, and again at every frame by one that is equal
def features(match: GuideMatch, device: torch.device) -> Activations:
    """Return the activations of the guide, its shorter side brought to the aim's size."""
    image = to_image(match.guide.picture, device)
    scale = match.size / min(image.shape[2:])
    sides = [round(side * scale) for side in image.shape[2:]]
    image = F.interpolate(image, sides, mode="bicubic", antialias=True).clamp_(0, 1)
    with torch.no_grad():
        return match.model(image, match.layers)


def agreement(activation: Tensor, sought: Tensor) -> Tensor:
    """Return the mean over all places of the dot product with the best of those sought, a scalar
    ().

    activation: (1, C, h, w). sought: (1, C, h', w'), of any size.
    """
    here, there = _places(activation), _places(sought)
    with torch.no_grad():
        parts = here.chunk(1 + len(here) * len(there) // PRODUCTS)
        chosen = [(part @ there.T).argmax(dim=1) for part in parts]
    return (here * there[torch.cat(chosen)]).sum(dim=1).mean()


def _places(activation: Tensor) -> Tensor:
    """Return (places, C) from (1, C, h, w), or from (1, C), which has only one place."""
    return activation[0].flatten(1).T if activation.ndim > 2 else activation
