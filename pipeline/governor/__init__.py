"""Contract: what keeps a dream that feeds on itself alive. One file a way of keeping."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from torch import Tensor

from pipeline.frame import Image


@dataclass(frozen=True)
class Governed:
    """What to dream on, and how strongly.

    image: (1, 3, H, W) in [0, 1]. strength: a scalar (), the factor on every step.
    """

    image: Image
    strength: Tensor


class Governor(Protocol):
    """Looks at what was carried before it is dreamt on again."""

    def __call__(self, image: Image, *, filmed: bool, rate: float) -> Governed:
        """The image, corrected by a frame's share. It has no memory: only the image counts.

        image: (1, 3, H, W) in [0, 1]. filmed: whether a picture lies under the dream, which holds
        it by itself. rate: frames a second.
        """
