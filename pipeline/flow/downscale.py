"""Optical flow at a bounded size: pictures are downscaled for it, and the flow is upscaled."""

from __future__ import annotations

from collections.abc import Callable

from pipeline.flow.consistency import confidence
from pipeline.frame import FloatMap, Motion, Picture
from pipeline.imaging.flow_field import enlarge_flow, enlarge_map
from pipeline.imaging.resizing import reduce_picture

Pair = Callable[[Picture, Picture], tuple[FloatMap, FloatMap]]
"""Current and previous picture -> backward and forward flow, (h, w, 2) each, in pixels."""


def flow_at_bounded_size(
    current: Picture, previous: Picture, pair: Pair, most_pixels: int
) -> Motion:
    """Return the motion between two pictures, computed at a size that is halved until it fits.

    most_pixels: maximum number of pixels of the pictures that `pair` is called with.
    """
    height, width = current.shape[:2]
    halvings = 0
    while (height >> halvings) * (width >> halvings) > most_pixels:
        halvings += 1
    size = (height >> halvings, width >> halvings)
    backward, forward = pair(reduce_picture(current, size), reduce_picture(previous, size))
    trusted = confidence(backward, forward)
    if halvings == 0:
        return Motion(backward, trusted)
    full_size = (height, width)
    return Motion(enlarge_flow(backward, full_size), enlarge_map(trusted, full_size))
