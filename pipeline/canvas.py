"""The canvas that a dream starts from: the picture plus the carried dream layer."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple

from torch import Tensor

from pipeline.frame import Image
from pipeline.imaging.layer_level import LayerLevel
from pipeline.imaging.mixing import mix_layers
from pipeline.imaging.sampling import Border
from pipeline.transitions import Reference


class Strength(NamedTuple):
    """Factors on the length of gradient steps, each () or (1, 1, H, W)."""

    full: Tensor
    """Factor on steps at full size."""
    smaller: Tensor
    """Factor on steps at smaller sizes, which add coarser detail."""

    @staticmethod
    def alike(factor: Tensor) -> Strength:
        """Return a Strength with the same factor at every size."""
        return Strength(factor, factor)

    def times(self, weight: Tensor) -> Strength:
        """Return the factors multiplied by a weight, () or (1, 1, H, W)."""
        return Strength(self.full * weight, self.smaller * weight)


@dataclass(frozen=True)
class Canvas:
    """A picture with the carried dream layer: the starting point of the next dream."""

    picture: Image | None
    """The picture, (1, 3, H, W) in [0, 1]. None: there is no footage, and the whole last dream is
    carried."""
    layer: Tensor
    """The carried image, (1, 3, H, W): the last dream layer; without a picture, the last dream."""
    kept: Tensor
    """Share of the layer that is added to the picture, () or (1, 1, H, W) in [0, 1]."""
    maturity: Tensor
    """How far the dream has grown, (1, 1, H, W) in [0, 1]; 0 everywhere if nothing is carried or if
    there is no picture."""
    positions: Tensor | None
    """Where each pixel was in the last frame, (1, H, W, 2), in pixels from the centre. None:
    nothing is carried."""
    confidence: Tensor
    """Confidence in the positions, (1, 1, H, W) in [0, 1]."""
    strength: Strength
    """Factors on the gradient steps, before the mask is applied."""
    border: Border = "reflect"
    """How the layer was continued beyond its edges."""
    level: LayerLevel | None = None
    """Strength that the layer should keep. None: unknown."""
    level_factor: float = 1.0
    """Factor on the level: less than 1 in fades and dissolves."""
    visibility: float = 1.0
    """Factor on the gradient steps in a fade in, in [0, 1]; 0 on a blank picture."""
    given: Tensor | None = None
    """Share of the dream that was given back from earlier frames, (1, 1, H, W) in [0, 1]. None:
    nothing."""
    follows_picture: bool = True
    """Whether the layer was carried by the motion of the picture alone, without a camera move."""
    reference: Reference | None = None
    """Picture that the layer was dreamt on. None: unknown."""
    mask: Tensor | None = None
    """How strongly to dream at each pixel, (1, 1, H, W) in [0, 1]. None: fully everywhere."""
    index: int = 0
    """Index of the frame, from 0 at the first frame of the render."""

    @cached_property
    def image(self) -> Image:
        """The image that the dream starts from: picture + kept * layer, (1, 3, H, W) in [0, 1]."""
        if self.picture is None:
            return self.layer
        return (self.picture + self.kept * self.layer).clamp_(0, 1)

    @property
    def accepts_layers(self) -> bool:
        """Whether layers that were dreamt on other frames may be mixed in.

        Not if its own layer was moved over the picture, or has to leave or grow in a transition.
        """
        return self.follows_picture and self.visibility >= 1

    @property
    def reappeared(self) -> float:
        """Share of the frame whose dream was given back from earlier frames, in [0, 1]."""
        return 0.0 if self.given is None else float(self.given.mean())

    @property
    def step_strength(self) -> Strength:
        """Factors on the gradient steps, including the visibility of the picture.

        Without a picture they include the mask, as there is nothing to composite the dream over.
        """
        strength = self.strength
        if self.visibility != 1:
            strength = strength.times(strength.full.new_tensor(self.visibility))
        if self.mask is None or self.picture is not None:
            return strength
        return strength.times(self.mask)

    def mixed_with(self, layer: Tensor, weight: Tensor) -> Canvas:
        """Return the canvas with a layer (1, 3, H, W) that was dreamt on another frame mixed in.

        weight: (1, 1, H, W) in [0, 1]. Where its weight is high, the layer keeps its own strength:
        the level there is that of other content, and would weaken it.
        """
        mixed = mix_layers(self.layer, layer, weight)
        level = None if self.level is None else self.level.mixed(mixed, weight)
        return replace(self, layer=mixed, level=level)

    def composite(self, dream: Image) -> Image:
        """Return the dream composited over the picture through the mask, (1, 3, H, W)."""
        return composite(dream, self.picture, self.mask)


def composite(dream: Image, picture: Image | None, mask: Tensor | None) -> Image:
    """Return picture + mask * (dream - picture), (1, 3, H, W); without picture or mask the dream.

    This is only for output: the unmasked dream is carried to the next frame. If the composite were
    carried, soft edges would be masked again in every frame until they are hard, and the dream
    would have to grow from nothing wherever the mask moves to.
    """
    # lerp returns exactly the picture at 0 and exactly the dream at 1
    return dream if picture is None or mask is None else picture.lerp(dream, mask)
