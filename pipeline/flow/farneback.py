"""Polynomial expansion: smooth flow for soft pictures.

Farnebaeck 2003, "Two-frame motion estimation based on polynomial expansion"; OpenCV's.
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
class Farneback:
    """Farnebaeck's flow."""

    levels: Annotated[int, Limit(ge=1, le=10)]
    """Of the pyramid, each half the size of the next."""
    window: Annotated[int, Limit(ge=3, le=101)]
    """Pixels a side that are averaged over."""
    iterations: Annotated[int, Limit(ge=1, le=1000)]
    """At each level."""
    neighbourhood: Annotated[int, Limit(ge=5, le=7)]
    """Pixels a side of the polynomial expansion, 5 or 7."""
    most_pixels: Annotated[int, Limit(ge=4096, le=2**31)]
    """Pictures with more are halved in size."""

    def __call__(self, current: Picture, previous: Picture) -> Motion:
        """Return the backward motion of current against previous."""
        return flow_at_bounded_size(current, previous, self._pair, self.most_pixels)

    def _pair(self, current: Picture, previous: Picture) -> tuple[FloatMap, FloatMap]:
        now, then = grey(current), grey(previous)
        return self._flow(now, then), self._flow(then, now)

    def _flow(self, one: Picture, other: Picture) -> FloatMap:
        deviation = 1.1 if self.neighbourhood == 5 else 1.5  # as OpenCV's manual pairs them
        flow = cv2.calcOpticalFlowFarneback(
            one,
            other,
            np.zeros((*one.shape, 2), np.float32),
            0.5,
            self.levels,
            self.window,
            self.iterations,
            self.neighbourhood,
            deviation,
            0,
        )
        return np.asarray(flow, np.float32)
