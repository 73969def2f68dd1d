"""Interpolation between the pixels of an image that can be repeated hundreds of times.

A dream layer is resampled at every frame that it is carried to, so the kernel must not amplify any
wave: 3 % per frame is a factor of four after 50 frames. The cubic convolution of Keys (1981) with
a = -0.75, which torch and OpenCV call bicubic, does amplify. This module uses a cubic spline
(Unser, Aldroubi, Eden 1993, "B-spline signal processing": an inverse filter, then a B-spline of
4 x 4 pixels) and a filter that restores most of what the spline removes from short waves. Mean
fraction of a wave that remains after 150 shifts by all fractions of a pixel, and the largest
response to any wave:

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
"""Values beyond the edges of an image: its mirror image, or the opposite side."""
POLE = 3**0.5 - 2
"""Pole of the inverse filter of the cubic B-spline: the ratio of weights one pixel apart."""
RADIUS = 9
"""Radius of the inverse filter in pixels; the weights beyond it are below 1e-5."""
RESTORING = (-1 / 64, 6 / 64, -15 / 64, 20 / 64, -15 / 64, 6 / 64, -1 / 64)
"""High-pass filter, sin(pi / length)^6: passes the shortest waves and 1/8 of waves of 4 pixels."""
RESTORED = 0.21
"""Fraction of RESTORING's output added halfway between pixels, where a spline removes the most."""
MARGIN = RADIUS + 2
"""Number of pixels beyond an edge that affect the values inside the image."""
OPENCV_SIDE = 32766
"""Maximum side in pixels of the images that OpenCV's remap accepts."""
OPENCV_CHANNELS = 4
"""Number of channels that remap interpolates together, in float32 and at exact positions."""


def pixel_grid(height: int, width: int, device: torch.device) -> Tensor:
    """Return the position of every pixel, (1, H, W, 2): (x, y) in pixels from the centre."""
    y = torch.arange(height, device=device, dtype=torch.float32) - (height - 1) / 2
    x = torch.arange(width, device=device, dtype=torch.float32) - (width - 1) / 2
    return torch.stack(torch.meshgrid(x, y, indexing="xy"), dim=-1)[None]


def sample(image: Tensor, positions: Tensor, border: Border = "reflect") -> Tensor:
    """Return the image interpolated at these positions, (1, C, H, W).

    image: (1, C, h, w) float32. positions: (1, H, W, 2), pixels (x, y) from the image's centre.
    border: values beyond the edges. Linear ramps are reproduced exactly, so nothing drifts in slow
    motion; a wave of 8 pixels lags behind by 0.2 %, one of 4 pixels by 4 %. The result must be
    used as a whole image, since short waves are restored from its neighbouring pixels.
    """
    height, width = image.shape[2:]
    x, y = positions[0].permute(2, 0, 1).contiguous()
    x.add_((width - 1) / 2)
    y.add_((height - 1) / 2)
    if border == "wrap":
        image = _pad_wrapped(image, MARGIN)
        x.remainder_(width).add_(MARGIN)
        y.remainder_(height).add_(MARGIN)
    if image.device.type == "cpu" and max(*image.shape[2:], *x.shape) <= OPENCV_SIDE:
        return _sample_opencv(image, _axis(x), _axis(y))
    return _sample_torch(image, _axis(x), _axis(y))


class Axis(NamedTuple):
    """How to interpolate along one axis. Tensors are (H, W), or of the shape of the result."""

    first: Tensor
    """Position of the first linear interpolation, in pixels from the centre of the first pixel."""
    second: Tensor
    """Position of the second linear interpolation, likewise."""
    share: Tensor
    """Weight of the first interpolation, in [0, 1]; the second one has the rest."""
    restored: Tensor
    """Fraction of RESTORING's output that is added, in [0, RESTORED]."""


def _axis(place: Tensor) -> Axis:
    """Return how to interpolate a restored cubic spline at `place`, (H, W).

    The four weights of a cubic B-spline are positive, so the first two together are a linear
    interpolation, and so are the last two: 16 pixels take four bilinear interpolations (Sigg,
    Hadwiger 2005, GPU Gems 2, chapter 20).
    """
    pixel = place.floor()
    t = place - pixel
    cube = t * t * t
    # The weights are (1 - t)^3 / 6, 2/3 - t^2 + t^3 / 2, and the same for 1 - t in reverse order.
    share = (t / 3 - 0.5).mul_(t).sub_(0.5).mul_(t).add_(5 / 6)
    second = (cube / (6 - 6 * share)).add_(pixel).add_(1)
    first = cube.mul_(0.5).addcmul_(t, t, value=-1).add_(2 / 3).div_(share).add_(pixel).sub_(1)
    restored = (1 - t).mul_(t).square_().mul_(16 * RESTORED)
    return Axis(first, second, share, restored)


def _blend(corners: Sequence[Tensor], x: Axis, y: Axis) -> Tensor:
    """Return the weighted mean of an image interpolated at the four positions of `_corners`."""
    upper_left, upper_right, lower_left, lower_right = corners
    upper = upper_right.lerp_(upper_left, x.share)
    lower = lower_right.lerp_(lower_left, x.share)
    return lower.lerp_(upper, y.share)


def _corners(x: Axis, y: Axis) -> list[tuple[Tensor, Tensor]]:
    """Return the four positions (x, y) of linear interpolation, the upper ones first."""
    return [(x.first, y.first), (x.second, y.first), (x.first, y.second), (x.second, y.second)]


def _sample_opencv(image: Tensor, x: Axis, y: Axis) -> Tensor:
    """Return the image interpolated by OpenCV, (1, C, H, W).

    This takes half the time of `_sample_torch` on a CPU: OpenCV interpolates all channels of a
    pixel at once. Since version 5 it does so at exact positions, for 1, 3 or 4 channels.
    """
    reflect = cv2.BORDER_REFLECT
    line, restoring = (np.array([kernel], np.float32) for kernel in (_inverse_filter(), RESTORING))
    corners = [(x.numpy(), y.numpy()) for x, y in _corners(x, y)]
    x, y = (
        axis._replace(share=_repeat_channels(axis.share), restored=_repeat_channels(axis.restored))
        for axis in (x, y)
    )
    outputs = []
    for channels in torch.split(image[0], OPENCV_CHANNELS):
        count = len(channels)
        if count < OPENCV_CHANNELS:
            channels = F.pad(channels, [0, 0, 0, 0, 0, OPENCV_CHANNELS - count])
        planes = channels.permute(1, 2, 0).contiguous().numpy()
        spline = cv2.sepFilter2D(planes, -1, line, line, borderType=reflect)
        interpolated = [
            cv2.remap(spline, *place, cv2.INTER_LINEAR, borderMode=reflect) for place in corners
        ]
        sampled = _blend([torch.from_numpy(one) for one in interpolated], x, y)
        high_pass = [
            cv2.filter2D(sampled.numpy(), -1, kernel, borderType=reflect)
            for kernel in (restoring, restoring.T)
        ]
        for waves, axis in zip(high_pass, (x, y), strict=True):
            sampled.addcmul_(torch.from_numpy(waves), axis.restored)
        outputs.append(sampled.permute(2, 0, 1)[:count])
    return torch.cat(outputs)[None]


def _repeat_channels(share: Tensor) -> Tensor:
    """Return the share (H, W) repeated for OPENCV_CHANNELS channels, (H, W, C)."""
    return share[..., None].expand(-1, -1, OPENCV_CHANNELS).contiguous()


def _sample_torch(image: Tensor, x: Axis, y: Axis) -> Tensor:
    """Return the image interpolated by torch, (1, C, H, W), on any device."""
    height, width = image.shape[2:]
    line = _constant(_inverse_filter(), image.device)[None]
    restoring = _constant(RESTORING, image.device)[None]
    spline = depthwise_conv(depthwise_conv(image, line, "symmetric"), line.mT, "symmetric")
    grids = [
        torch.stack([(2 * x + 1) / width - 1, (2 * y + 1) / height - 1], dim=-1)[None]
        for x, y in _corners(x, y)
    ]
    interpolated = [
        F.grid_sample(spline, grid, padding_mode="reflection", align_corners=False)
        for grid in grids
    ]
    sampled = _blend(interpolated, x, y)
    across, down = (
        depthwise_conv(sampled, kernel, "symmetric") for kernel in (restoring, restoring.mT)
    )
    return sampled.addcmul_(across, x.restored).addcmul_(down, y.restored)


def _pad_wrapped(image: Tensor, margin: int) -> Tensor:
    """Return the image padded by `margin` pixels of the opposite side at each edge."""
    for dim in (2, 3):
        side = image.shape[dim]
        place = torch.arange(-margin, side + margin, device=image.device) % side
        image = image.index_select(dim, place)
    return image


@lru_cache(maxsize=1)
def _inverse_filter() -> tuple[float, ...]:
    """Return the inverse of the filter (1/6, 4/6, 1/6), which is a sampled cubic B-spline."""
    weights = [POLE ** abs(k) for k in range(-RADIUS, RADIUS + 1)]
    return tuple(weight / sum(weights) for weight in weights)


@lru_cache(maxsize=8)
def _constant(values: tuple[float, ...], device: torch.device) -> Tensor:
    """Return the values as a tensor (n,), cached because copying makes a GPU wait."""
    return torch.tensor(values, device=device)
