"""Geometry of an optical flow: where it points to, and its enlargement."""

from __future__ import annotations

from typing import TypeAlias

import cv2
import numpy as np
import numpy.typing as npt

Field: TypeAlias = npt.NDArray[np.float32]
"""(H, W) or (H, W, 2) float32, on the CPU; the last axis is (x, y), in pixels."""


def targets(flow: Field) -> tuple[Field, Field]:
    """Return the x and y that each pixel's flow points to, (H, W) each, in pixels from the top left
    corner.
    """
    height, width = flow.shape[:2]
    x = flow[..., 0] + np.arange(width, dtype=np.float32)
    y = flow[..., 1] + np.arange(height, dtype=np.float32)[:, None]
    return np.asarray(x, np.float32), np.asarray(y, np.float32)


def outside(flow: Field) -> npt.NDArray[np.bool_]:
    """Return which pixels come from outside the other picture, (H, W)."""
    height, width = flow.shape[:2]
    x, y = targets(flow)
    return np.asarray((x < -0.5) | (y < -0.5) | (x > width - 0.5) | (y > height - 0.5))


def enlarge_flow(flow: Field, size: tuple[int, int]) -> Field:
    """Return the flow (h, w, 2) of smaller pictures for pictures of `size` (height, width)."""
    scale = np.array([size[1] / flow.shape[1], size[0] / flow.shape[0]], np.float32)
    return np.asarray(enlarge_map(flow, size) * scale, np.float32)


def enlarge_map(field: Field, size: tuple[int, int]) -> Field:
    """Return the map (h, w) or (h, w, C), linearly enlarged to `size` (height, width)."""
    return np.asarray(cv2.resize(field, size[::-1], interpolation=cv2.INTER_LINEAR), np.float32)
