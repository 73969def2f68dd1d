"""Confidence in a flow, from the consistency of the forward and the backward flow.

Ruder, Dosovitskiy, Brox 2016, "Artistic style transfer for videos", section 3, after Sundaram,
Brox, Keutzer 2010.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np

from pipeline.frame import FloatMap
from pipeline.imaging.flow_field import outside, targets

BOUNDARY = 0.05
"""Squared gradient of the flow from which a pixel counts as a motion boundary.

The paper's 0.002 suits a smooth variational flow. DIS leaves faint edges of its patches in flat,
still areas: with 0.002 the confidence was low in a quarter of a tripod shot, with 0.05 in a
twentieth.
"""


def confidence(backward: FloatMap, forward: FloatMap) -> FloatMap:
    """Return the confidence in the backward flow at each pixel, (H, W) float32 in [0, 1].

    backward: (H, W, 2) pixels, current[y, x] was previous[y + dy, x + dx]. forward: (H, W, 2), the
    same from previous to current. The confidence is 0 where the pixel was occluded (following both
    flows does not lead back to it), at motion boundaries, and where it comes from outside the
    frame. Unlike in the paper the tests are soft: 1 up to the threshold, 0 from twice the threshold
    on.
    """
    x, y = targets(backward)
    back = _float(cv2.remap(forward, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE))
    length = _square(backward)
    hidden = _square(back + backward) / (0.01 * (_square(back) + length) + 0.5)
    boundary = _steepness(backward) / (0.01 * length + BOUNDARY)
    trusted: FloatMap = np.clip(2 - hidden, 0, 1) * np.clip(2 - boundary, 0, 1)
    trusted[outside(backward)] = 0
    return trusted


def _square(flow: FloatMap) -> FloatMap:
    """Return the squared length of the flow, (H, W), in square pixels."""
    across, down = flow[..., 0], flow[..., 1]
    # einsum gives the same bits but takes six times as long
    square: FloatMap = across * across + down * down
    return square


def _steepness(flow: FloatMap) -> FloatMap:
    """Return |grad u|^2 + |grad v|^2, (H, W), which is high at motion boundaries."""
    across = _float(cv2.Sobel(flow, cv2.CV_32F, 1, 0, ksize=1, scale=0.5))
    down = _float(cv2.Sobel(flow, cv2.CV_32F, 0, 1, ksize=1, scale=0.5))
    return _square(across) + _square(down)


def _float(array: np.ndarray[Any, Any]) -> FloatMap:
    """Return OpenCV's result with a static type; it is float32 already."""
    field: FloatMap = np.asarray(array, np.float32)
    return field
