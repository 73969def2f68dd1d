"""Samples an image between its pixels, so that it can be sampled hundreds of times in a row.

A dream layer is resampled at every frame that it is carried, so the kernel must amplify no wave:
3 % a frame is four times as much after 50 frames. The cubic convolution of Keys (1981) with
a = -0.75, which torch and OpenCV call bicubic, does so. This is a cubic spline (Unser, Aldroubi,
Eden 1993, "B-spline signal processing": an inverse filter, then a B-spline of 4 x 4 pixels), and a
filter that restores most of what the spline takes from short waves. Mean share of a wave that is
left after 150 shifts by all fractions of a pixel, and the largest response to any wave:

==================================  ======  ======  ======  =======
kernel                              8 px    6 px    4 px    largest
==================================  ======  ======  ======  =======
Keys, a = -0.75                     7.6     9.6     0.11    1.029
Catmull-Rom (Keys, a = -0.5)        0.51    0.13    0.00    1
Lagrange, 6 pixels                  0.91    0.60    0.01    1
Lagrange, 8 pixels                  0.99    0.89    0.13    1
Lanczos, 6 pixels                   1.7     3.6     5.5     1.027
cubic spline                        0.91    0.72    0.11    1
quintic spline (twice the time)     1.00    0.99    0.81    1
cubic spline, restored (this)       0.96    0.94    0.90    1.0002
==================================  ======  ======  ======  =======
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Literal, NamedTuple, TypeAlias

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from pipeline.imaging.convolution import depthwise_conv

Border: TypeAlias = Literal["reflect", "wrap"]
"""What lies beyond an image's edges: its mirror image, or the opposite side."""
POLE = 3**0.5 - 2
"""Of the inverse filter of the cubic B-spline: its weights shrink by this factor a pixel."""
RADIUS = 9
"""Pixels that the inverse filter reaches to either side; the next weights are below 1e-5."""
RESTORING = (-1 / 64, 6 / 64, -15 / 64, 20 / 64, -15 / 64, 6 / 64, -1 / 64)
"""Passes the shortest waves whole and an eighth of waves of 4 pixels: sin(pi / length)^6."""
RESTORED = 0.21
"""Share of what it passes that is added half way between two pixels, where a spline takes most."""
MARGIN = RADIUS + 2
"""Pixels beyond an image's edges that have a part in what lies within them."""
OPENCV_SIDE = 32766
"""Pixels of a side that OpenCV's remap takes at most."""
OPENCV_CHANNELS = 4
"""Channels that it takes together, in float32 and at exact positions."""


def pixel_grid(height: int, width: int, device: torch.device) -> Tensor:
    """Return the position of every pixel, (1, H, W, 2): (x, y) in pixels from the centre."""
    y = torch.arange(height, device=device, dtype=torch.float32) - (height - 1) / 2
    x = torch.arange(width, device=device, dtype=torch.float32) - (width - 1) / 2
    return torch.stack(torch.meshgrid(x, y, indexing="xy"), dim=-1)[None]


def sample(image: Tensor, positions: Tensor, border: Border = "reflect") -> Tensor:
    """Return the image at these positions, (1, C, H, W).

    image: (1, C, h, w) float32. positions: (1, H, W, 2), pixels (x, y) from the image's centre.
    border: what lies beyond its edges. Ramps are reproduced, so nothing drifts in slow motion; a
    wave of 8 pixels lags 0.2 % behind, one of 4 pixels 4 %. What was sampled is to be shown or
    sampled again as a whole: shares of short waves are restored from its neighbours.
    """
    height, width = image.shape[2:]
    x, y = positions[0].permute(2, 0, 1).contiguous()
    x.add_((width - 1) / 2)
    y.add_((height - 1) / 2)
    if border == "wrap":
        image = _tiled(image, MARGIN)
        x.remainder_(width).add_(MARGIN)
        y.remainder_(height).add_(MARGIN)
    if image.device.type == "cpu" and max(*image.shape[2:], *x.shape) <= OPENCV_SIDE:
        return _by_opencv(image, _axis(x), _axis(y))
    return _by_torch(image, _axis(x), _axis(y))


class Axis(NamedTuple):
    """How to interpolate along one axis, each (H, W), or of the shape of what is interpolated."""

    first: Tensor
    """Where to interpolate linearly, in pixels from the middle of the image's first one."""
    second: Tensor
    """Where else."""
    share: Tensor
    """Of the first one in the result, in [0, 1]; the second one has the rest."""
    restored: Tensor
    """Share of what RESTORING passes that is added, in [0, RESTORED]."""


def _axis(place: Tensor) -> Axis:
    """Return how a restored cubic spline interpolates at these places (H, W).

    The four weights of a cubic B-spline are positive, so that the first two together are a linear
    interpolation, and the last two as well: 16 pixels take four bilinear interpolations (Sigg,
    Hadwiger 2005, GPU Gems 2, chapter 20).
    """
    pixel = place.floor()
    t = place - pixel
    cube = t * t * t
    # The weights are (1 - t)^3 / 6, 2/3 - t^2 + t^3 / 2, and the same of 1 - t in reverse order.
    share = (t / 3 - 0.5).mul_(t).sub_(0.5).mul_(t).add_(5 / 6)
    second = (cube / (6 - 6 * share)).add_(pixel).add_(1)
    first = cube.mul_(0.5).addcmul_(t, t, value=-1).add_(2 / 3).div_(share).add_(pixel).sub_(1)
    restored = (1 - t).mul_(t).square_().mul_(16 * RESTORED)
    return Axis(first, second, share, restored)


def _blended(corners: Sequence[Tensor], x: Axis, y: Axis) -> Tensor:
    """Return the weighted mean of an image interpolated at the places of `_corners`."""
    upper_left, upper_right, lower_left, lower_right = corners
    upper = upper_right.lerp_(upper_left, x.share)
    lower = lower_right.lerp_(lower_left, x.share)
    return lower.lerp_(upper, y.share)


def _corners(x: Axis, y: Axis) -> list[tuple[Tensor, Tensor]]:
    """Return the four places (x, y) at which to interpolate linearly, the upper ones first."""
    return [(x.first, y.first), (x.second, y.first), (x.first, y.second), (x.second, y.second)]


def _by_opencv(image: Tensor, x: Axis, y: Axis) -> Tensor:
    """Return the image at these places, (1, C, H, W).

    On a CPU this takes half the time that `_by_torch` takes: OpenCV interpolates all channels of a
    pixel at once. Since its version 5 it does so at exact places, of 1, 3 or 4 channels.
    """
    reflect = cv2.BORDER_REFLECT
    line, restoring = (np.array([kernel], np.float32) for kernel in (_inverse_filter(), RESTORING))
    corners = [(x.numpy(), y.numpy()) for x, y in _corners(x, y)]
    x, y = (
        axis._replace(share=_for_channels(axis.share), restored=_for_channels(axis.restored))
        for axis in (x, y)
    )
    found = []
    for channels in torch.split(image[0], OPENCV_CHANNELS):
        count = len(channels)
        if count < OPENCV_CHANNELS:
            channels = F.pad(channels, [0, 0, 0, 0, 0, OPENCV_CHANNELS - count])
        planes = channels.permute(1, 2, 0).contiguous().numpy()
        spline = cv2.sepFilter2D(planes, -1, line, line, borderType=reflect)
        interpolated = [
            cv2.remap(spline, *place, cv2.INTER_LINEAR, borderMode=reflect) for place in corners
        ]
        sampled = _blended([torch.from_numpy(one) for one in interpolated], x, y)
        short = [
            cv2.filter2D(sampled.numpy(), -1, kernel, borderType=reflect)
            for kernel in (restoring, restoring.T)
        ]
        for waves, axis in zip(short, (x, y), strict=True):
            sampled.addcmul_(torch.from_numpy(waves), axis.restored)
        found.append(sampled.permute(2, 0, 1)[:count])
    return torch.cat(found)[None]


def _for_channels(share: Tensor) -> Tensor:
    """Return the same share (H, W) for each of the channels that OpenCV takes together."""
    return share[..., None].expand(-1, -1, OPENCV_CHANNELS).contiguous()


def _by_torch(image: Tensor, x: Axis, y: Axis) -> Tensor:
    """Return the image at these places, (1, C, H, W), on any device."""
    height, width = image.shape[2:]
    line = _numbers(_inverse_filter(), image.device)[None]
    restoring = _numbers(RESTORING, image.device)[None]
    spline = depthwise_conv(depthwise_conv(image, line, "symmetric"), line.mT, "symmetric")
    grids = [
        torch.stack([(2 * x + 1) / width - 1, (2 * y + 1) / height - 1], dim=-1)[None]
        for x, y in _corners(x, y)
    ]
    interpolated = [
        F.grid_sample(spline, grid, padding_mode="reflection", align_corners=False)
        for grid in grids
    ]
    sampled = _blended(interpolated, x, y)
    across, down = (
        depthwise_conv(sampled, kernel, "symmetric") for kernel in (restoring, restoring.mT)
    )
    return sampled.addcmul_(across, x.restored).addcmul_(down, y.restored)


def _tiled(image: Tensor, margin: int) -> Tensor:
    """Return the image with so many pixels more on each side, of the opposite side."""
    for dim in (2, 3):
        side = image.shape[dim]
        place = torch.arange(-margin, side + margin, device=image.device) % side
        image = image.index_select(dim, place)
    return image


@lru_cache(maxsize=1)
def _inverse_filter() -> tuple[float, ...]:
    """Return the filter that undoes sampling a cubic B-spline, which is (1/6, 4/6, 1/6)."""
    weights = [POLE ** abs(k) for k in range(-RADIUS, RADIUS + 1)]
    return tuple(weight / sum(weights) for weight in weights)


@lru_cache(maxsize=8)
def _numbers(values: tuple[float, ...], device: torch.device) -> Tensor:
    """Return the numbers as a tensor (n,) on the device, without making a GPU wait each time."""
    return torch.tensor(values, device=device)
