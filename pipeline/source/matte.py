"""Masks from files: of every picture, how much each of its pixels is meant.

By its alpha channel, if it is not opaque all over, else by how bright it is. As pictures like any
other: (H, W, 3) uint8, the three channels alike, 0 = not at all, 255 = fully.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import closing
from functools import cached_property
from pathlib import Path
from typing import ClassVar

import cv2
import numpy as np
import numpy.typing as npt
from pydantic.dataclasses import dataclass

from pipeline.errors import UserError, printable
from pipeline.ffmpeg.decode_filters import has_alpha
from pipeline.frame import Picture
from pipeline.image_io.reader import ImageFile, Pixels, load
from pipeline.source.images import Images
from pipeline.source.video import Video

log = logging.getLogger(__name__)

LOOKED_AT = 8
"""Pictures, spread over all, that are asked what a mask's white is."""
LABELS = 256
"""Colours, at most, of a label map: as many as a palette has."""
FAINT = 0.25
"""Share of white below which the brightest pixel of a mask is likely to be a mistake."""
NEAR = 3
"""Grey levels by which black and white of a coded video are off: measured away from edges, x264 is
off by 1 at crf 23 and by 3 at crf 28, mpeg4 by 2, VP9 by none."""
CLEAN: npt.NDArray[np.uint8] = np.rint(
    np.clip((np.arange(256.0) - NEAR) / (255 - 2 * NEAR), 0, 1) * 255
).astype(np.uint8)
"""What a grey level of a video means: stretched so that black is black and white white again."""


@dataclass(frozen=True)
class PictureMattes(Images):
    """Picture files as masks: grey or colour, 8 or 16 bits, with or without alpha.

    Label maps, as segmentation writes them, are black and white: everything with a label counts.
    Their values are 0 and 1, or they are of a few flat colours on black.
    """

    _unit: ClassVar[int] = 1  # a still may have odd sides

    def _read(self, file: Path) -> Picture:
        grey, peak = _grey(load(file, self.limits))
        peak = 1 if self._binary else peak
        whole = (np.minimum(grey, peak).astype(np.uint32) * 255 + peak // 2) // peak
        return np.repeat(whole.astype(np.uint8)[..., None], 3, axis=2)

    @cached_property
    def _binary(self) -> bool:
        """Whether 1 is white. Asked of several: one of a fading mask may be as dark by itself."""
        step = max(1, len(self._files) // LOOKED_AT)
        asked = [found for file in self._files[::step] if (found := self._looked_at(file))]
        brightest = max((int(grey.max()) for grey, _ in asked), default=0)
        share = max((float(grey.max()) / peak for grey, peak in asked), default=0.0)
        if brightest == 1:
            log.info("%s holds labels: all but black is taken for white", printable(self.path))
        elif share < FAINT:
            log.warning(
                "%s is nowhere brighter than %.1f %% of white", printable(self.path), 100 * share
            )
        return brightest == 1

    def _looked_at(self, file: Path) -> tuple[Pixels, int] | None:
        """Return the file as grey; None = it cannot be read, which is said when its turn comes."""
        try:
            return _grey(load(file, self.limits))
        except UserError:
            return None


@dataclass(frozen=True)
class VideoMattes(Video):
    """A video as masks: by its alpha channel, if the first picture is not opaque all over."""

    _unit: ClassVar[int] = 1

    def pictures(self, start: int = 0) -> Iterator[Picture]:
        """Yield the masks from frame `start` on."""
        for picture in super().pictures(start):
            grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
            yield np.repeat(CLEAN[grey][..., None], 3, axis=2)

    def _filters(self, first: int, last: int | None, *, alpha: bool = False) -> str:
        return super()._filters(first, last, alpha=alpha or self._transparent)

    @cached_property
    def _transparent(self) -> bool:
        if not has_alpha(self._facts.look.pixels):
            return False
        chain = super()._filters(0, 1, alpha=True)
        with closing(self._decoded(0, chain)) as pictures:
            return int(next(pictures).min()) < 255


def _grey(contents: ImageFile) -> tuple[Pixels, int]:
    """Return (H, W), from black to the value that is white, which comes with it; 1 of a label
    map."""
    colours, alpha = contents.colours, contents.alpha
    peak = int(np.iinfo(colours.dtype).max)
    if alpha is not None and int(alpha.min()) < peak:
        return alpha, peak
    if _labelled(colours):
        return (colours.max(axis=2) > 0).astype(np.uint8), 1
    grey = cv2.cvtColor(colours, cv2.COLOR_RGB2GRAY)
    # 8 bits in a file of 16 would all but vanish
    return grey, 255 if int(grey.max()) <= 255 else peak


def _labelled(colours: Pixels) -> bool:
    """Return whether (H, W, 3) is a label map: a few flat colours, not all grey, and black."""
    if (colours[..., :1] == colours[..., 1:]).all():
        return False
    # a photograph is told by a few of its pixels, which does not take a second
    for part in (colours[::8, ::8], colours):
        found = np.unique(part.astype(np.uint64) @ np.array([1, 1 << 16, 1 << 32], np.uint64))
        if len(found) > LABELS:
            return False
    return int(found[0]) == 0
