"""Flow at a bounded size: large pictures are halved for it, and the flow doubled again."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

from pipeline.flow.consistency import confidence
from pipeline.frame import Field, Motion, Picture

Pair = Callable[[Picture, Picture], tuple[Field, Field]]
"""Current and previous picture -> backward and forward flow, (h, w, 2) each, in pixels."""


def bounded(current: Picture, previous: Picture, pair: Pair, most_pixels: int) -> Motion:
    """The motion between two pictures, found at half size as often as it takes.

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
    grown = cv2.resize(backward, (width, height), interpolation=cv2.INTER_LINEAR) * scale
    return Motion(grown, cv2.resize(trusted, (width, height), interpolation=cv2.INTER_LINEAR))


def _shrunk(picture: Picture, size: tuple[int, int]) -> Picture:
    """The picture at (width, height), each pixel the mean of those that it covers."""
    if picture.shape[1::-1] == size:
        return picture
    shrunk: Picture = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
    return shrunk
