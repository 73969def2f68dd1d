"""What a network takes a picture for: its top classes."""

from __future__ import annotations

import torch
import torch.nn.functional as F

from pipeline.frame import Image
from pipeline.model import Model

SIDE = 256
"""Pixels of the shorter side at which classifiers are shown a picture, as in their training."""


@torch.no_grad()
def top_classes(model: Model, image: Image, count: int = 5) -> dict[str, float]:
    """The likeliest classes by name, the likeliest first, each with its probability in [0, 1].

    image: (1, 3, H, W) in [0, 1], looked at as a whole. Empty for a model without class names.
    """
    if not model.classes:
        return {}
    scale = SIDE / min(image.shape[2:])
    size = [max(1, round(side * scale)) for side in image.shape[2:]]
    shown = F.interpolate(image, size, mode="bilinear", align_corners=False, antialias=True)
    last = model.layers()[-1]
    scores = model(shown, [last])[last]
    if scores.shape != (1, len(model.classes)):
        return {}  # the last operation is no list of classes: a network of another kind
    likely = scores[0].softmax(dim=0).topk(min(count, len(model.classes)))
    pairs = zip(likely.indices.tolist(), likely.values.tolist(), strict=True)
    return {model.classes[number]: round(share, 4) for number, share in pairs}
