"""Resizing of pictures on the CPU."""

from __future__ import annotations

import cv2
import numpy as np

from pipeline.frame import Picture


def reduce_picture(picture: Picture, size: tuple[int, int]) -> Picture:
    """Return the picture (H, W, 3) reduced to (height, width) by area averaging, same dtype.

    Returns the same object if it has that size.
    """
    if picture.shape[:2] == size:
        return picture
    reduced = cv2.resize(picture, size[::-1], interpolation=cv2.INTER_AREA)
    return np.asarray(reduced, picture.dtype)
