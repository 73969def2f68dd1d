"""How far a flow can be trusted: forward and backward must agree.

Ruder, Dosovitskiy, Brox 2016, "Artistic style transfer for videos", section 3, after Sundaram,
Brox, Keutzer 2010.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np

from pipeline.frame import FloatMap

BOUNDARY = 0.05
"""Least squared gradient of the flow that is a motion boundary.

The paper's 0.002 is made for a smooth variational flow. DIS leaves faint edges of its patches on
flat, still ground: with 0.002 a quarter of a tripod shot was distrusted, with 0.05 a twentieth.
"""


def confidence(backward: FloatMap, forward: FloatMap) -> FloatMap:
    """Return how far each pixel's backward flow can be trusted, (H, W) float32 in [0, 1].

    backward: (H, W, 2) pixels, current[y, x] was previous[y + dy, x + dx]; forward: (H, W, 2), the
    same from previous to current. 0 where the pixel was hidden (the way there and back does not end
    where it began), at motion boundaries, and where it comes from outside the frame. Soft: a test
    is passed in full up to the paper's threshold, and failed in full at twice that.
    """
    x, y = _targets(backward)
    back = _float(cv2.remap(forward, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE))
    length = _square(backward)
    hidden = _square(back + backward) / (0.01 * (_square(back) + length) + 0.5)
    boundary = _steepness(backward) / (0.01 * length + BOUNDARY)
    trusted: FloatMap = np.clip(2 - hidden, 0, 1) * np.clip(2 - boundary, 0, 1)
    trusted[outside(backward)] = 0
    return trusted


def outside(backward: FloatMap) -> np.ndarray[tuple[int, int], np.dtype[np.bool_]]:
    """Return which pixels, (H, W) bool, come from beyond the previous frame's edge."""
    height, width = backward.shape[:2]
    x, y = _targets(backward)
    beyond: np.ndarray[tuple[int, int], np.dtype[np.bool_]] = (
        (x < -0.5) | (y < -0.5) | (x > width - 0.5) | (y > height - 0.5)
    )
    return beyond


def _targets(flow: FloatMap) -> tuple[FloatMap, FloatMap]:
    """Return where each pixel's flow ends: x and y, (H, W) each, in pixels from the top left
    corner.
    """
    height, width = flow.shape[:2]
    x = flow[..., 0] + np.arange(width, dtype=np.float32)
    y = flow[..., 1] + np.arange(height, dtype=np.float32)[:, None]
    return _float(x), _float(y)


def _square(flow: FloatMap) -> FloatMap:
    """Squared length, (H, W), in square pixels."""
    across, down = flow[..., 0], flow[..., 1]
    # einsum takes six times as long for the same bits
    square: FloatMap = across * across + down * down
    return square


def _steepness(flow: FloatMap) -> FloatMap:
    """|grad u|^2 + |grad v|^2, (H, W): high where two motions meet."""
    across = _float(cv2.Sobel(flow, cv2.CV_32F, 1, 0, ksize=1, scale=0.5))
    down = _float(cv2.Sobel(flow, cv2.CV_32F, 0, 1, ksize=1, scale=0.5))
    return _square(across) + _square(down)


def _float(array: np.ndarray[Any, Any]) -> FloatMap:
    """Return what OpenCV gave, with the type that it has."""
    field: FloatMap = np.asarray(array, np.float32)
    return field
