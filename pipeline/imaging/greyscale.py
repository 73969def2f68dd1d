"""Pictures in greyscale, on the CPU."""

from __future__ import annotations

import cv2
import numpy as np

from pipeline.imaging.resizing import Pixels


def grey(picture: Pixels) -> Pixels:
    """Return the luma (Rec. 601) of an RGB picture (H, W, 3): (H, W), same dtype."""
    return np.asarray(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), picture.dtype)
