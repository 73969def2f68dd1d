"""Where, and how strongly, to dream."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import numpy as np
import torch

from pipeline.auxiliary.synced import SyncedPictures
from pipeline.errors import UserError
from pipeline.frame import FloatMap, Frame, Picture
from pipeline.imaging.metrics import blur

OFF = 2
"""Pixels that a side may be off: rounded when it was scaled, and once more to be even."""


@dataclass(frozen=True)
class Mask:
    """Says how strongly to dream where, from pictures whose first channel says it."""

    track: SyncedPictures
    """The pictures of the mask."""
    invert: bool
    """Whether white means not at all."""
    feather: float
    """Pixels of the frame, deviation of the Gaussian that edges are softened by; it ends at three
    times as many."""

    def along(self, frames: Iterable[Frame]) -> Iterator[Frame]:
        """Yield the frames with their mask, the very same array as long as it stays."""
        before, field = None, None
        for frame, picture in self.track.along(frames):
            if picture is not before:
                before, field = picture, self.field(picture)
            yield replace(frame, mask=field)

    def field(self, picture: Picture) -> FloatMap:
        """Return (H, W) in [0, 1] from a picture (H, W, 3)."""
        grey = picture[..., 0].astype(np.float32) / np.float32(255)
        grey = 1 - grey if self.invert else grey
        if self.feather:
            # zeros stay zeros beyond the kernel's end, bit for bit
            grey = blur(torch.from_numpy(grey)[None, None], self.feather)[0, 0].clamp_(0, 1).numpy()
        return grey


def check_shape(mask: tuple[int, int], *shapes: tuple[int, int]) -> None:
    """Check that a mask of that height and width fits pictures of one of these.

    Raises UserError naming the first of them.
    """
    for height, width in shapes:
        down, across = mask[0] / height, mask[1] / width
        if abs(down - across) <= max(1.0, across) * (OFF / height + OFF / width):
            return
    height, width = shapes[0]
    raise UserError(
        f"mask: must have the shape of the input's {width}x{height} pixels, got "
        f"{mask[1]}x{mask[0]}; crop or scale it"
    )
