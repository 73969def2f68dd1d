"""Nobody governs: a dream that feeds on itself goes where it will."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from pipeline.frame import Image
from pipeline.governor import Governed


@dataclass(frozen=True)
class Free:
    """Leaves everything as it is."""

    def __call__(self, image: Image, *, filmed: bool, rate: float) -> Governed:
        """The image itself."""
        return Governed(image, torch.ones((), device=image.device))
