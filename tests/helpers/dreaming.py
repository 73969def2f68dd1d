"""Single frames dreamt, and gradients that are watched."""

from __future__ import annotations

from collections import Counter

import torch
from helpers.scenes import texture
from helpers.stages import canvas_of
from torch import Tensor

from pipeline.canvas import Strength
from pipeline.dreamer import Dream, Dreamer, GradientFn
from pipeline.frame import to_image

HEIGHT, WIDTH = 48, 64


NEW = torch.zeros(1, 1, HEIGHT, WIDTH)


MATURE = torch.ones(1, 1, HEIGHT, WIDTH)


FULL = Strength.alike(torch.ones(()))


def image() -> Tensor:
    return to_image(texture(HEIGHT, WIDTH, seed=0), "cpu")


def grey() -> Tensor:
    return torch.full((1, 3, HEIGHT, WIDTH), 0.5)


class Watched:
    """A gradient that notes what it was asked about; without another to follow it is noise."""

    def __init__(self, gradient: GradientFn | None = None) -> None:
        self.gradient = gradient
        self.images: list[Tensor] = []
        self.rng = torch.Generator().manual_seed(1)

    def __call__(self, image: Tensor) -> tuple[Tensor, Tensor]:
        self.images.append(image)
        if self.gradient is not None:
            return self.gradient(image)
        return torch.randn(image.shape, generator=self.rng), torch.tensor(0.0)

    @property
    def sizes(self) -> Counter[tuple[int, int]]:
        """How many steps were made at which (height, width)."""
        return Counter((image.shape[2], image.shape[3]) for image in self.images)


def dream(
    dreamer: Dreamer,
    gradient: GradientFn,
    *,
    start: Tensor | None = None,
    maturity: Tensor = NEW,
    index: int = 0,
    strength: Strength = FULL,
    seed: int = 0,
) -> Dream:
    rng = torch.Generator().manual_seed(seed)
    canvas = canvas_of(
        image() if start is None else start, maturity, index=index, strength=strength
    )
    return dreamer(canvas, gradient, rng, memory={})
