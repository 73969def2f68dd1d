"""Polynomial expansion: smooth flow for soft pictures.

Farnebaeck 2003, "Two-frame motion estimation based on polynomial expansion", as implemented in
OpenCV.
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
class Farneback:
    """Farnebaeck's flow."""

    levels: Annotated[int, Limit(ge=1, le=10)]
    """Number of pyramid levels, each half the size of the one below."""
    window: Annotated[int, Limit(ge=3, le=101)]
    """Side of the averaging window in pixels."""
    iterations: Annotated[int, Limit(ge=1, le=1000)]
    """Iterations per level."""
    neighbourhood: Annotated[int, Limit(ge=5, le=7)]
    """Side of the neighbourhood of the polynomial expansion in pixels: 5 or 7."""
    most_pixels: Annotated[int, Limit(ge=4096, le=2**31)]
    """Largest number of pixels; the sides of larger pictures are halved until they fit."""

    def __call__(self, current: Picture, previous: Picture) -> Motion:
        """Return the backward motion from current to previous."""
        return flow_at_bounded_size(current, previous, self._pair, self.most_pixels)

    def _pair(self, current: Picture, previous: Picture) -> tuple[FloatMap, FloatMap]:
        now, then = grey(current), grey(previous)
        return self._flow(now, then), self._flow(then, now)

    def _flow(self, one: Picture, other: Picture) -> FloatMap:
        deviation = 1.1 if self.neighbourhood == 5 else 1.5  # recommended in OpenCV's manual
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
