"""The top classes of a network for a picture."""

from __future__ import annotations

from heapq import nlargest
from statistics import fmean

import torch
import torch.nn.functional as F

from pipeline.frame import Image
from pipeline.model import Model

SIDE = 256
"""Pixels of the shorter side at which classifiers are shown a picture, as in their training."""
LONGEST = 8 * SIDE
"""Pixels of the longer side at most: a picture of another shape is squeezed, to bound memory."""


@torch.no_grad()
def top_classes(model: Model, image: Image, count: int = 5) -> dict[str, float]:
    """Return the likeliest classes by name, the likeliest first, each with its probability in [0,
    1].

    image: (1, 3, H, W) in [0, 1], looked at as a whole. What several lists of scores know is the
    mean of theirs. Empty for a model without class names.
    """
    named = {layer: classes for layer, classes in model.scores.items() if classes}
    if not named:
        return {}
    scale = SIDE / min(image.shape[2:])
    size = [min(LONGEST, round(side * scale)) for side in image.shape[2:]]
    resized = F.interpolate(image, size, mode="bilinear", align_corners=False, antialias=True)
    shares: dict[str, list[float]] = {}
    for layer, scores in model(resized, list(named)).items():
        classes = named[layer]
        if scores.shape == (1, len(classes)):  # else it is no list of classes
            likely = dict(zip(classes, scores[0].softmax(dim=0).tolist(), strict=True))
            for name, share in likely.items():
                shares.setdefault(name, []).append(share)
    means = {name: fmean(each) for name, each in shares.items()}
    return {name: round(means[name], 4) for name in nlargest(count, means, key=means.__getitem__)}
