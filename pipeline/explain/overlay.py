"""Heat maps over pictures."""

from __future__ import annotations

import cv2
import numpy as np

from pipeline.explain.attribution import Heat
from pipeline.frame import Picture


def overlay(picture: Picture, heat: Heat) -> Picture:
    """Return a heat map over a picture of the same size: grey where there is no evidence."""
    grey = np.repeat(picture.mean(axis=2, keepdims=True), 3, axis=2) * 0.55 + 30
    colours = cv2.applyColorMap((heat * 255).astype(np.uint8), cv2.COLORMAP_INFERNO)[..., ::-1]
    share = np.clip(heat * 1.4, 0, 0.85)[..., None]
    return np.asarray((grey * (1 - share) + colours * share).clip(0, 255), np.uint8)
