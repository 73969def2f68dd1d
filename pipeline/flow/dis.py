"""Dense inverse search: fast on a CPU, exact enough to paint on what moves.

Kroeger, Timofte, Dai, Van Gool 2016, "Fast optical flow using dense inverse search"; OpenCV's.
"""

from __future__ import annotations

from typing import Annotated

import cv2
import numpy as np
from pydantic import Field as Limit
from pydantic.dataclasses import dataclass

from pipeline.flow.downscale import flow_at_bounded_size, grey
from pipeline.frame import FloatMap, Motion, Picture


@dataclass(frozen=True)
class Dis:
    """DIS flow, refined where it is carried along, quick where it only checks.

    The forward flow only tells what was hidden: OpenCV's fast preset is enough for that.
    """

    finest_scale: Annotated[int, Limit(ge=0, le=5)]
    """0 = flow at every pixel, 1 = at every second."""
    patch_size: Annotated[int, Limit(ge=4, le=32)]
    """Pixels a side."""
    patch_stride: Annotated[int, Limit(ge=1, le=32)]
    """Pixels between patches."""
    descents: Annotated[int, Limit(ge=1, le=1000)]
    """Gradient descent iterations of a patch."""
    refinements: Annotated[int, Limit(ge=0, le=1000)]
    """Variational refinement iterations of a scale."""
    most_pixels: Annotated[int, Limit(ge=4096, le=2**31)]
    """Pictures with more are halved in size."""

    def __call__(self, current: Picture, previous: Picture) -> Motion:
        """Return the backward motion of current against previous."""
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
    found = method.calc(one, other, np.zeros((*one.shape, 2), np.float32))
    return np.asarray(found, np.float32)
