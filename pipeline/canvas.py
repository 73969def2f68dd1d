"""The canvas that a dream starts from: the picture with the carried dream layer on it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from torch import Tensor

from pipeline.frame import Image
from pipeline.imaging.layer_level import LayerLevel
from pipeline.imaging.sampling import Border


class Strength(NamedTuple):
    """Factors on gradient steps, each () or (1, 1, H, W)."""

    full: Tensor
    """On steps at full size."""
    smaller: Tensor
    """On steps at smaller sizes, which add coarser detail."""

    @staticmethod
    def alike(factor: Tensor) -> Strength:
        """Return the same factor at every size."""
        return Strength(factor, factor)

    def times(self, weight: Tensor) -> Strength:
        """Return the factors times a weight, () or (1, 1, H, W)."""
        return Strength(self.full * weight, self.smaller * weight)


@dataclass(frozen=True)
class Canvas:
    """A picture with the carried dream layer, on which the next dream starts."""

    picture: Image | None
    """(1, 3, H, W) in [0, 1]; None where nothing was filmed: the whole last dream is carried."""
    layer: Tensor
    """(1, 3, H, W), what was carried: the last dream layer, or without a picture the last dream."""
    kept: Tensor
    """The share of the layer that goes onto the picture, () or (1, 1, H, W) in [0, 1]."""
    maturity: Tensor
    """(1, 1, H, W) in [0, 1], how far the dream has grown; 0 where nothing was carried, or all."""
    positions: Tensor | None
    """(1, H, W, 2), where each pixel was in the last frame, in pixels from the centre; None where
    nothing was carried."""
    confidence: Tensor
    """(1, 1, H, W) in [0, 1], of the positions."""
    strength: Strength
    """Factors on the gradient steps, before the mask."""
    border: Border = "reflect"
    """What was taken to lie beyond the edges."""
    level: LayerLevel | None = None
    """The strength that the layer is to keep; None where it is not known."""
    mask: Tensor | None = None
    """(1, 1, H, W) in [0, 1], how strongly to dream where; None = fully everywhere."""
    index: int = 0
    """Of the frame, from 0 at the first of the render."""

    @cached_property
    def image(self) -> Image:
        """The layer on the picture, (1, 3, H, W) in [0, 1]: what the dream starts from."""
        if self.picture is None:
            return self.layer
        return (self.picture + self.kept * self.layer).clamp_(0, 1)

    @property
    def step_strength(self) -> Strength:
        """Factors on the gradient steps. Where nothing was filmed the mask weighs them: there is no
        picture that a masked dream could be composited over.
        """
        if self.mask is None or self.picture is not None:
            return self.strength
        return self.strength.times(self.mask)

    def composite(self, dream: Image) -> Image:
        """Return what is seen of a dream: picture + mask * (dream - picture), (1, 3, H, W)."""
        return composite(dream, self.picture, self.mask)


def composite(dream: Image, picture: Image | None, mask: Tensor | None) -> Image:
    """Return what is seen of a dream, (1, 3, H, W): picture + mask * (dream - picture).

    The dream beneath is kept and carried at full strength. Carried masked, soft edges would be
    masked again at every frame until they are hard, and where a mask moves to, the dream would have
    to grow again. Where nothing was filmed there is no picture, and the dream is seen.
    """
    # lerp gives exactly the one at 0 and exactly the other at 1
    return dream if picture is None or mask is None else picture.lerp(dream, mask)
