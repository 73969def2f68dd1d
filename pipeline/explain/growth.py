"""How the dream grows: what the network sees before each gradient step."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor

from pipeline.canvas import Canvas
from pipeline.dreamer import Dream, Dreamer, GradientFn
from pipeline.explain.attribution import ClassMaps
from pipeline.frame import Image, Memory, Picture, to_picture
from pipeline.imaging.resizing import resize

TILE = 224
"""Width in pixels of a small picture of the sheet."""
EDGE = 0.07
"""Share of each side that is cut off: the jitter moves it from one edge to the other."""


@dataclass(frozen=True)
class WatchedDreamer:
    """A Dreamer around another that keeps what the network sees before each step."""

    dreamer: Dreamer
    """The dreamer to call."""
    maps: ClassMaps
    """The classes of the network."""
    shares: list[Tensor] = field(default_factory=list)
    """Probability of each class before each step, (classes,)."""
    pictures: list[Picture] = field(default_factory=list)
    """The dream before each step, at most TILE pixels wide."""
    sizes: list[tuple[int, int]] = field(default_factory=list)
    """Height and width in pixels at which each step was made."""

    def __call__(
        self, canvas: Canvas, gradient_fn: GradientFn, rng: torch.Generator, *, memory: Memory
    ) -> Dream:
        """Return the dream of the other dreamer."""

        def watched(image: Image) -> tuple[Tensor, Tensor]:
            self.shares.append(self.maps.probabilities(image).cpu())
            self.pictures.append(thumbnail(image))
            self.sizes.append((image.shape[2], image.shape[3]))
            return gradient_fn(image)

        return self.dreamer(canvas, watched, rng, memory=memory)

    def fit(self, height: int, width: int, smallest_side: int) -> Dreamer:
        """Return the same wrapper around a dreamer that fits pictures of this size."""
        fitting = self.dreamer.fit(height, width, smallest_side)
        return WatchedDreamer(fitting, self.maps, self.shares, self.pictures, self.sizes)


def thumbnail(image: Image) -> Picture:
    """Return the image, (1, 3, H, W), as a picture of at most TILE pixels width, without edges."""
    top, left = (round(EDGE * side) for side in image.shape[2:])
    image = image[..., top : image.shape[2] - top, left : image.shape[3] - left]
    height, width = image.shape[2:]
    if width > TILE:
        image = resize(image, (max(1, round(height * TILE / width)), TILE)).clamp(0, 1)
    return to_picture(image)
