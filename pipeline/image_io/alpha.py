"""Filling of transparent areas, so that a dream meets no edge where a picture fades out."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from pipeline.frame import Picture

Layer = npt.NDArray[np.float32]


def fill_transparent(colours: Picture, alpha: Picture) -> Picture:
    """Return the colours, (H, W, 3), smoothly extended into the fully transparent areas.

    Where alpha, (H, W), is 0 the stored colours are often garbage or arbitrary, and a dream on them
    would show through at the edge of the visible area. Visible colours are not changed.
    """
    hidden = alpha == 0
    if hidden.all() or not hidden.any():
        return colours  # if nothing is visible, any colours will do
    peak = float(np.iinfo(colours.dtype).max)
    share = (alpha / np.float32(peak)).astype(np.float32)[..., None]
    fill = _pull_push(colours * share, share)
    filled = np.where(hidden[..., None], np.rint(np.clip(fill, 0, peak)), colours)
    return filled.astype(colours.dtype)


def _pull_push(weighted: Layer, share: Layer) -> Layer:
    """Return colours for all pixels, (H, W, 3), each taken from the nearest visible ones.

    weighted: (H, W, 3), colours times `share`. share: (H, W, 1), visibility in [0, 1]. The image is
    halved down to one pixel; on the way back each level is composited over the coarser one
    (pull-push: Gortler et al. 1996, The Lumigraph, 3.4).
    """
    height, width = share.shape[:2]
    if height == width == 1:
        return np.asarray(weighted / np.maximum(share, np.float32(1e-6)), np.float32)
    half_size = (width + 1) // 2, (height + 1) // 2
    reduced = cv2.resize(np.dstack([weighted, share]), half_size, interpolation=cv2.INTER_AREA)
    colours, mean = reduced[..., :3], reduced[..., 3:]
    # one visible pixel fills its 2 x 2 block, or distant colours would outweigh near ones
    coarser = np.minimum(4 * mean, 1).astype(np.float32)
    gain = coarser / np.maximum(mean, np.float32(1e-6))
    coarse = _pull_push((colours * gain).astype(np.float32), coarser)
    background = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_LINEAR)
    return np.asarray(weighted + (1 - share) * background, np.float32)
