"""Heat maps over pictures."""

from __future__ import annotations

import cv2
import numpy as np

from pipeline.explain.attribution import Heat
from pipeline.frame import Picture


def overlay(picture: Picture, heat: Heat) -> Picture:
    """Return a heat map over a picture of the same size: grey where there is no evidence."""
    grey = (picture.mean(axis=2, dtype=np.float32) * 0.55 + 30)[..., None]
    colours = cv2.applyColorMap((heat * 255).astype(np.uint8), cv2.COLORMAP_INFERNO)[..., ::-1]
    share = np.clip(heat * np.float32(1.4), 0, 0.85)[..., None]
    return np.asarray(grey + (colours - grey) * share, np.uint8)
