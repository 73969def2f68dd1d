"""A picture between two neighbouring ones of a video, along their optical flow."""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from pipeline.imaging.flow_field import Field, outside, targets
from pipeline.imaging.resizing import Pixels

CUT = 24.0
"""Mean difference, of 255, of two pictures moved onto each other from which they show different
scenes, or the motion between them is unknown. Measured on real clips: up to 8 within a shot."""
UNLIKE = 12.0
"""Difference, of 255, from which a pixel is visible in only one of the pictures."""
WINDOW = 5
"""Side in pixels of the squares over which the difference is averaged and the flow is filtered."""
FLOW_BLUR, WEIGHT_BLUR = 2.0, 4.0
"""Standard deviations in pixels of the blur of the flow and of the weights: block-based flow has
jagged edges around what moves fast."""


class Flows(NamedTuple):
    """Motion between two pictures, (H, W, 2) each: where a pixel of one is in the other."""

    onward: Field
    """From the first picture to the second."""
    back: Field
    """From the second picture to the first."""

    @staticmethod
    def of(onward: Field, back: Field) -> Flows:
        """Return these flows without outliers, and with soft edges."""
        return Flows(_smoothed(onward), _smoothed(back))


def interpolate(first: Pixels, second: Pixels, flows: Flows, share: float) -> Pixels:
    """Return the picture at `share` of the time from the first to the second, (H, W, 3) uint8.

    Both pictures are moved along the flow and blended (Jiang et al. 2018, "Super SloMo", equation
    4, for the flow at that time). Where they differ, content is visible in only one of them, and
    the nearer one is taken. If they differ everywhere there was a cut, and the nearer picture is
    returned as it is.
    """
    onward, back = flows
    to_first = -(1 - share) * share * onward + share**2 * back
    to_second = (1 - share) ** 2 * onward - share * (1 - share) * back
    one, other = _moved(first, to_first), _moved(second, to_second)
    difference = cv2.absdiff(one, other).mean(axis=2, dtype=np.float32)
    if float(difference.mean()) > CUT:
        return (first if share < 0.5 else second).copy()
    unlike = np.clip(cv2.blur(difference, (WINDOW, WINDOW)) / UNLIKE - 0.5, 0, 1)
    weight = share + unlike * (float(share >= 0.5) - share)
    weight[outside(to_first)] = 1
    weight[outside(to_second)] = 0
    weight = cv2.GaussianBlur(weight, (0, 0), WEIGHT_BLUR)
    mixed = one + weight[..., None] * (other.astype(np.float32) - one)
    return np.asarray(np.rint(mixed), np.uint8)


def _smoothed(flow: Field) -> Field:
    """Return the flow without outliers, and with soft edges."""
    medians = [cv2.medianBlur(np.ascontiguousarray(flow[..., at]), WINDOW) for at in (0, 1)]
    return np.asarray(cv2.GaussianBlur(np.dstack(medians), (0, 0), FLOW_BLUR), np.float32)


def _moved(picture: Pixels, flow: Field) -> npt.NDArray[np.uint8]:
    """Return the picture sampled where the flow points to."""
    x, y = targets(flow)
    moved = cv2.remap(picture, x, y, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(moved, np.uint8)
