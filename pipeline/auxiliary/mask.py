"""Mask of where, and how strongly, to dream."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import numpy as np
import torch

from pipeline.auxiliary.synced import SyncedPictures
from pipeline.errors import UserError
from pipeline.frame import FloatMap, Frame, Picture
from pipeline.imaging.metrics import blur

TOLERANCE = 2
"""Allowed rounding error of a side in pixels: from scaling, and from making the side even."""


@dataclass(frozen=True)
class Mask:
    """How strongly to dream at each pixel, from the first channel of a track of pictures."""

    track: SyncedPictures
    """The pictures of the mask."""
    invert: bool
    """Whether to dream where the mask is black instead of white."""
    feather: float
    """Standard deviation, in pixels of the frame, of the Gaussian that softens edges; it is
    truncated at three deviations. 0: no softening."""

    def along(self, frames: Iterable[Frame]) -> Iterator[Frame]:
        """Yield the frames with their mask, within the mask of their bars if they have bars.

        The same array as long as the picture is the same and there are no bars.
        """
        previous: Picture | None = None
        for frame, picture in self.track.along(frames):
            if previous is None or picture is not previous:
                previous, field = picture, self.field(picture)
            yield replace(frame, mask=field if frame.mask is None else field * frame.mask)

    def field(self, picture: Picture) -> FloatMap:
        """Return the mask, (H, W) in [0, 1], from a picture, (H, W, 3) uint8."""
        grey = picture[..., 0].astype(np.float32) / np.float32(255)
        grey = 1 - grey if self.invert else grey
        if self.feather:
            # the kernel is finite: pixels whose whole neighbourhood is zero stay exactly zero
            grey = blur(torch.from_numpy(grey)[None, None], self.feather)[0, 0].clamp_(0, 1).numpy()
        return grey


def has_shape(mask: tuple[int, int], shape: tuple[int, int]) -> bool:
    """Return whether a mask has the aspect ratio of a picture; both are (height, width)."""
    height, width = shape
    down, across = mask[0] / height, mask[1] / width
    return abs(down - across) <= max(1.0, across) * (TOLERANCE / height + TOLERANCE / width)


def check_shape(mask: tuple[int, int], *shapes: tuple[int, int]) -> None:
    """Raise UserError unless the mask has the aspect ratio of one of the shapes.

    mask, shapes: (height, width) in pixels. The error names the first of the shapes.
    """
    if any(has_shape(mask, shape) for shape in shapes):
        return
    height, width = shapes[0]
    raise UserError(
        f"mask: must have the aspect ratio of the input's {width}x{height} pixels, got "
        f"{mask[1]}x{mask[0]}; crop or scale the mask"
    )
