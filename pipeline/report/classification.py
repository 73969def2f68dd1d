"""Classification of an image: the most likely classes according to a network."""

from __future__ import annotations

from heapq import nlargest
from statistics import fmean

import torch
import torch.nn.functional as F

from pipeline.frame import Image
from pipeline.model import Model

SIDE = 256
"""Shorter side, in pixels, to which images are resized, as in the training of classifiers."""
LONGEST = 8 * SIDE
"""Maximum longer side in pixels, to bound memory; longer images are squeezed."""


def as_in_training(image: Image) -> Image:
    """Return the image, (1, 3, H, W), at the size at which classifiers are trained."""
    scale = SIDE / min(image.shape[2:])
    size = [min(LONGEST, round(side * scale)) for side in image.shape[2:]]
    return F.interpolate(image, size, mode="bilinear", align_corners=False, antialias=True)


@torch.no_grad()
def top_classes(model: Model, image: Image, count: int = 5) -> dict[str, float]:
    """Return the `count` most likely classes, most likely first: name -> probability in [0, 1].

    image: (1, 3, H, W) in [0, 1]. A class that several score layers have gets the mean of their
    probabilities. Empty for a model without class names.
    """
    score_layers = {layer: classes for layer, classes in model.scores.items() if classes}
    if not score_layers:
        return {}
    probabilities: dict[str, list[float]] = {}
    for layer, scores in model(as_in_training(image), list(score_layers)).items():
        classes = score_layers[layer]
        if scores.shape == (1, len(classes)):  # otherwise these are not class scores
            scored = dict(zip(classes, scores[0].softmax(dim=0).tolist(), strict=True))
            for name, share in scored.items():
                probabilities.setdefault(name, []).append(share)
    means = {name: fmean(values) for name, values in probabilities.items()}
    return {name: round(means[name], 4) for name in nlargest(count, means, key=means.__getitem__)}
