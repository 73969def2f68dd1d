"""Transparent pictures made whole, so that a dream meets no edge where they fade out."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from pipeline.frame import Picture

Layer = npt.NDArray[np.float32]


def fill_transparent(colours: Picture, alpha: Picture) -> Picture:
    """Return the colours, (H, W, 3), going on smoothly where nothing of them is seen.

    What lies under alpha, (H, W), at 0 is often garbage, or a colour that nobody meant: dreamt on,
    it would shine through the edge of what is seen. Seen colours stay as they are.
    """
    hidden = alpha == 0
    if hidden.all() or not hidden.any():
        return colours  # of what is nowhere seen no colour is better than another
    peak = float(np.iinfo(colours.dtype).max)
    share = (alpha / np.float32(peak)).astype(np.float32)[..., None]
    around = _spread(colours * share, share)
    whole = np.where(hidden[..., None], np.rint(np.clip(around, 0, peak)), colours)
    return whole.astype(colours.dtype)


def _spread(weighted: Layer, share: Layer) -> Layer:
    """Colours everywhere from colours times their share, each from as near as there are any.

    weighted: (H, W, 3). share: (H, W, 1), 0..1. Halved until all is one pixel, and on the way back
    each level is laid over the coarser one (pull-push: Gortler et al. 1996, The Lumigraph, 3.4).
    """
    height, width = share.shape[:2]
    if height == width == 1:
        return np.asarray(weighted / np.maximum(share, np.float32(1e-6)), np.float32)
    half = (width + 1) // 2, (height + 1) // 2
    both = cv2.resize(np.dstack([weighted, share]), half, interpolation=cv2.INTER_AREA)
    colours, mean = both[..., :3], both[..., 3:]
    # a pixel that is seen fills its block, or what is near would drown in what is far
    coarser = np.minimum(4 * mean, 1).astype(np.float32)
    gain = coarser / np.maximum(mean, np.float32(1e-6))
    coarse = _spread((colours * gain).astype(np.float32), coarser)
    background = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_LINEAR)
    return np.asarray(weighted + (1 - share) * background, np.float32)
