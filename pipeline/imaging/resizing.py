"""Resizing of pictures on the CPU and of images on the device."""

from __future__ import annotations

from typing import TypeAlias

import cv2
import numpy as np
import numpy.typing as npt
import torch.nn.functional as F
from torch import Tensor

Pixels: TypeAlias = npt.NDArray[np.uint8 | np.uint16]
"""(H, W, 3) RGB, on the CPU."""


def reduce_picture(picture: Pixels, size: tuple[int, int]) -> Pixels:
    """Return the picture (H, W, 3) reduced to (height, width) by area averaging, same dtype.

    Returns the same object if it has that size.
    """
    if picture.shape[:2] == size:
        return picture
    reduced = cv2.resize(picture, size[::-1], interpolation=cv2.INTER_AREA)
    return np.asarray(reduced, picture.dtype)


def resize_picture(picture: Pixels, height: int, width: int) -> Pixels:
    """Return the picture or alpha channel resized, by area averaging to shrink, else bicubic."""
    if picture.shape[:2] == (height, width):
        return picture
    smaller = height * width < picture.shape[0] * picture.shape[1]
    method = cv2.INTER_AREA if smaller else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(picture, (width, height), interpolation=method), picture.dtype)


def resize(image: Tensor, size: tuple[int, int]) -> Tensor:
    """Return the image (1, C, h, w) resized to (height, width), bicubic and antialiased.

    With antialiasing torch enlarges by Catmull-Rom splines, which ring less than its others.
    """
    if image.shape[2:] == size:
        return image
    return F.interpolate(image, size, mode="bicubic", align_corners=False, antialias=True)
