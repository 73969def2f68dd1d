"""Dreaming at a smaller size than that of the output, which saves time and memory."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from pipeline.canvas import Canvas, composite
from pipeline.frame import Clip, Frame, Image, Picture, to_device, to_image
from pipeline.imaging.resizing import reduce_picture, resize


@dataclass(frozen=True)
class DreamSize:
    """Size of the dream relative to that of the output; pictures are reduced to it."""

    width: int | None = None
    """Maximum width of the dream in pixels. None: the width of the output."""

    def of(self, height: int, width: int) -> tuple[int, int]:
        """Return (height, width) of the dream for an output of this size, in pixels."""
        if self.width is None or self.width >= width:
            return height, width
        return max(1, round(height * self.width / width)), self.width

    def reduce(self, picture: Picture) -> Picture:
        """Return the picture at the size of the dream: the same object if it has that size."""
        return reduce_picture(picture, self.of(*picture.shape[:2]))


FULL_SIZE = DreamSize()
"""The dream has the size of the output."""


@torch.no_grad()
def enlarge(dream: Image, canvas: Canvas, frame: Frame, clip: Clip) -> Image:
    """Return a smaller dream at the size of the output, (1, 3, H, W) in [0, 1], through the mask.

    The source stays as sharp as it was: only the layer is enlarged, and added to the full picture.
    dream: (1, 3, h, w). clip: the output.
    """
    size = clip.height, clip.width
    if canvas.picture is None or frame.full_picture is None:
        return resize(dream, size).clamp_(0, 1)
    picture = to_image(frame.full_picture, dream.device)
    full = resize(dream - canvas.picture, size).add_(picture).clamp_(0, 1)
    mask = None if frame.mask is None else to_device(frame.mask, dream.device)[None, None]
    return composite(full, picture, mask)
