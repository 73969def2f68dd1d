"""Dense inverse search: fast on a CPU, and accurate enough to keep a dream on moving objects.

Kroeger, Timofte, Dai, Van Gool 2016, "Fast optical flow using dense inverse search", as implemented
in OpenCV.
"""

from __future__ import annotations

from typing import Annotated

import cv2
import numpy as np
from pydantic import Field as Limit
from pydantic.dataclasses import dataclass

from pipeline.flow.downscale import flow_at_bounded_size
from pipeline.frame import FloatMap, Motion, Picture
from pipeline.imaging.greyscale import grey


@dataclass(frozen=True)
class Dis:
    """DIS flow with these settings backward, and with OpenCV's fast preset forward.

    The dream is warped with the backward flow; the forward flow is only used to detect occlusions.
    """

    finest_scale: Annotated[int, Limit(ge=0, le=5)]
    """Finest pyramid level at which flow is computed: 0 = every pixel, 1 = every second one."""
    patch_size: Annotated[int, Limit(ge=4, le=32)]
    """Side of a patch in pixels."""
    patch_stride: Annotated[int, Limit(ge=1, le=32)]
    """Distance between neighbouring patches in pixels."""
    descents: Annotated[int, Limit(ge=1, le=1000)]
    """Gradient descent iterations per patch."""
    refinements: Annotated[int, Limit(ge=0, le=1000)]
    """Variational refinement iterations per scale."""
    most_pixels: Annotated[int, Limit(ge=4096, le=2**31)]
    """Largest number of pixels; the sides of larger pictures are halved until they fit."""

    def __call__(self, current: Picture, previous: Picture) -> Motion:
        """Return the backward motion from current to previous."""
        return flow_at_bounded_size(current, previous, self._pair, self.most_pixels)

    def _pair(self, current: Picture, previous: Picture) -> tuple[FloatMap, FloatMap]:
        now, then = grey(current), grey(previous)
        backward = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
        backward.setFinestScale(self.finest_scale)
        backward.setPatchSize(self.patch_size)
        backward.setPatchStride(self.patch_stride)
        backward.setGradientDescentIterations(self.descents)
        backward.setVariationalRefinementIterations(self.refinements)
        forward = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_FAST)
        return _flow(backward, now, then), _flow(forward, then, now)


def _flow(method: cv2.DISOpticalFlow, one: Picture, other: Picture) -> FloatMap:
    flow = method.calc(one, other, np.zeros((*one.shape, 2), np.float32))
    return np.asarray(flow, np.float32)
