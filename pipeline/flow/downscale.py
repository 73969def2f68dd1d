"""Flow at a bounded size: large pictures are halved for it, and the flow doubled again."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

from pipeline.flow.consistency import confidence
from pipeline.frame import FloatMap, Motion, Picture

Pair = Callable[[Picture, Picture], tuple[FloatMap, FloatMap]]
"""Current and previous picture -> backward and forward flow, (h, w, 2) each, in pixels."""


def flow_at_bounded_size(
    current: Picture, previous: Picture, pair: Pair, most_pixels: int
) -> Motion:
    """Return the motion between two pictures, found at half size as often as it takes.

    most_pixels: of the pictures that `pair` may be given.
    """
    height, width = current.shape[:2]
    halvings = 0
    while (height >> halvings) * (width >> halvings) > most_pixels:
        halvings += 1
    size = (width >> halvings, height >> halvings)
    backward, forward = pair(_shrunk(current, size), _shrunk(previous, size))
    trusted = confidence(backward, forward)
    if halvings == 0:
        return Motion(backward, trusted)
    scale = np.array([width / size[0], height / size[1]], dtype=np.float32)
    whole = (width, height)
    grown = np.asarray(cv2.resize(backward, whole, interpolation=cv2.INTER_LINEAR), np.float32)
    sure = np.asarray(cv2.resize(trusted, whole, interpolation=cv2.INTER_LINEAR), np.float32)
    return Motion(grown * scale, sure)


def _shrunk(picture: Picture, size: tuple[int, int]) -> Picture:
    """Return the picture at (width, height), each pixel the mean of those that it covers."""
    if picture.shape[1::-1] == size:
        return picture
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.uint8)


def grey(picture: Picture) -> Picture:
    """Return the picture's brightness, (H, W) uint8."""
    return np.asarray(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), np.uint8)
