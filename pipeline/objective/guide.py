"""Guide objective: at each position, the feature of a guide that matches best.

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
"""Maximum number of dot products, of image by guide positions, held at once: 64 MB."""


@setting(frozen=True)
class Guided:
    """The mean agreement with the guide over the positions of each layer."""

    layers: Layers
    """Layer names; a single name needs no list."""
    guide_size: Annotated[int, Field(ge=16, le=4096)]
    """Shorter side, in pixels, to which the guide is scaled. Motifs appear in the dream at the size
    that they have in the scaled guide, and larger in smaller octaves."""

    def bind(self, model: Model, guide: Guide | None = None) -> GuideMatch:
        """Return the agreement with this guide.

        Raises UserError if there is no guide, or if `guide_size` is too small for the layers.
        """
        if guide is None:
            raise UserError(
                "guide: must be set for objective=guide, got null; set guide=FILE, a picture or a "
                "video"
            )
        if self.guide_size < (minimum := model.smallest_side(self.layers)):
            raise UserError(
                f"objective.guide_size: must be at least {minimum} for these layers, got "
                f"{self.guide_size}; set objective.guide_size={minimum}"
            )
        return GuideMatch(model, self.layers, guide, self.guide_size)


@dataclass(frozen=True)
class GuideMatch(AllLayers):
    """The agreement of activations with those of a guide in the same model."""

    model: Model
    """The network."""
    layers: tuple[str, ...]
    """Layers whose activations are compared."""
    guide: Guide
    """The picture to match."""
    size: int
    """Shorter side, in pixels, to which the guide is scaled."""

    @property
    def is_tileable(self) -> bool:
        """Always true: the score is a mean, and each position is compared separately."""
        return True

    def terms(self, activations: Activations) -> dict[str, tuple[float, Tensor]]:
        """Return each layer's mean dot product of features and their best match in the guide."""
        sought = features(self, activations[self.layers[0]].device)
        return {layer: (1.0, agreement(activations[layer], sought[layer])) for layer in self.layers}


@lru_cache(maxsize=4)  # called at every step, and at every frame with an equal match
def features(match: GuideMatch, device: torch.device) -> Activations:
    """Return the activations of the guide, its shorter side scaled to `match.size`."""
    image = to_image(match.guide.picture, device)
    scale = match.size / min(image.shape[2:])
    sides = [round(side * scale) for side in image.shape[2:]]
    image = F.interpolate(image, sides, mode="bicubic", antialias=True).clamp_(0, 1)
    with torch.no_grad():
        return match.model(image, match.layers)


def agreement(activation: Tensor, sought: Tensor) -> Tensor:
    """Return the mean over all positions of the dot product with the best match, a scalar ().

    activation: (1, C, h, w). sought: features to match, (1, C, h', w'), of any size.
    """
    vectors, guide_vectors = _by_position(activation), _by_position(sought)
    with torch.no_grad():
        blocks = vectors.chunk(1 + len(vectors) * len(guide_vectors) // PRODUCTS)
        best = [(block @ guide_vectors.T).argmax(dim=1) for block in blocks]
    return (vectors * guide_vectors[torch.cat(best)]).sum(dim=1).mean()


def _by_position(activation: Tensor) -> Tensor:
    """Return (positions, C) from (1, C, h, w), or from (1, C), which has one position."""
    return activation[0].flatten(1).T if activation.ndim > 2 else activation
