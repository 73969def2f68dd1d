"""Gradient ascent on a single image, each step at another random shift."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from pipeline.dreamer import GradientFn
from pipeline.dreamer.gradient_filters import TINY, Shaping, deviation
from pipeline.frame import Image


def ascend(
    image: Image,
    gradient_fn: GradientFn,
    step: Tensor,
    *,
    count: int,
    jitter: int,
    shaping: Shaping,
    push: Callable[[Image], Tensor] | None,
    rng: torch.Generator,
) -> None:
    """Take `count` steps up the gradient, in place: at 3840x2160 a copy of the image is 100 MB.

    step: (1, 1, H, W), step size at each pixel. The gradient is divided by its standard deviation
    over the frame, so that the step size means the same for every layer, octave and picture. push:
    image -> direction added by the penalties, None: no penalties.
    """
    for _ in range(count):
        dy, dx = torch.randint(-jitter, jitter + 1, (2,), generator=rng).tolist()
        gradient, _ = gradient_fn(roll(image, dy, dx))
        gradient = shaping(roll(gradient, -dy, -dx))
        # The gradient of a flat picture may be 0; then TINY keeps the picture unchanged.
        pushed = None if push is None else push(image)
        image.addcmul_(gradient, step / (deviation(gradient) + TINY))
        if pushed is not None:
            image.addcmul_(pushed, step)
        image.clamp_(0, 1)


def roll(image: Tensor, down: int, right: int) -> Tensor:
    """Return the image (1, C, H, W) rolled cyclically by `down` and `right` pixels."""
    if image.device.type != "cpu":
        return torch.roll(image, (down, right), dims=(2, 3))
    # on the CPU torch rolls the rows and then the columns in two passes, which costs 2 % of a step
    height, width = image.shape[2:]
    down, right = down % height, right % width
    rolled = torch.empty_like(image)
    for target, origin in (
        (slice(down), slice(height - down, None)),
        (slice(down, None), slice(height - down)),
    ):
        rolled[:, :, target, :right] = image[:, :, origin, width - right :]
        rolled[:, :, target, right:] = image[:, :, origin, : width - right]
    return rolled
