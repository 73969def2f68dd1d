"""Masks from files: for each picture, how strongly each of its pixels is selected.

The mask is the alpha channel, unless it is opaque everywhere, else the brightness. Masks are
yielded as pictures: (H, W, 3) uint8 with three equal channels, 0 = not selected, 255 = fully.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import closing
from functools import cached_property
from pathlib import Path
from typing import ClassVar

import numpy as np
import numpy.typing as npt
from pydantic.dataclasses import dataclass

from pipeline.errors import UserError, printable
from pipeline.ffmpeg.decode_filters import has_alpha
from pipeline.frame import Picture
from pipeline.image_io.reader import ImageFile, Pixels, load
from pipeline.imaging.greyscale import grey
from pipeline.source.images import Images
from pipeline.source.video import Video

log = logging.getLogger(__name__)

MIN_SAMPLES = 8
"""Minimum number of files, evenly spaced, that are read to find a mask's white (or all files)."""
LABELS = 256
"""Maximum number of colours of a label map: the size of a palette."""
FAINT = 0.25
"""Fraction of white; a mask without any pixel this bright is probably a mistake."""
NEAR = 3
"""Error of black and white in an encoded video, in grey levels. Measured away from edges: x264 is
off by 1 at crf 23 and by 3 at crf 28, mpeg4 by 2, VP9 by 0."""
CLEAN: npt.NDArray[np.uint8] = np.rint(
    np.clip((np.arange(256.0) - NEAR) / (255 - 2 * NEAR), 0, 1) * 255
).astype(np.uint8)
"""Mask value of each grey level of a video, stretched to correct the error of black and white."""


@dataclass(frozen=True)
class PictureMattes(Images):
    """Picture files as masks: grey or colour, 8 or 16 bits, with or without alpha.

    Label maps, as segmentation tools write them, become binary masks of all labelled pixels. Their
    values are 0 and 1, or they have a few flat colours on black.
    """

    _unit: ClassVar[int] = 1  # a still may have odd sides

    def _read(self, file: Path) -> Picture:
        mask, peak = _grey(load(file, self.limits))
        peak = 1 if self._binary else peak
        scaled = (np.minimum(mask, peak).astype(np.uint32) * 255 + peak // 2) // peak
        return np.repeat(scaled.astype(np.uint8)[..., None], 3, axis=2)

    @cached_property
    def _binary(self) -> bool:
        """Whether a grey value of 1 means white.

        Decided from several files: a single one of a fading mask may be this dark, too.
        """
        step = max(1, len(self._files) // MIN_SAMPLES)
        samples = [found for file in self._files[::step] if (found := self._looked_at(file))]
        brightest = max((int(mask.max()) for mask, _ in samples), default=0)
        share = max((float(mask.max()) / peak for mask, peak in samples), default=0.0)
        if brightest == 1:
            log.info(
                "%s contains labels: everything except black is treated as white",
                printable(self.path),
            )
        elif share < FAINT:
            log.warning(
                "%s: no pixel is brighter than %.1f %% of white", printable(self.path), 100 * share
            )
        return brightest == 1

    def _looked_at(self, file: Path) -> tuple[Pixels, int] | None:
        """Return `_grey` of the file; None if it cannot be read, which is logged later."""
        try:
            return _grey(load(file, self.limits))
        except UserError:
            return None


@dataclass(frozen=True)
class VideoMattes(Video):
    """A video as masks: by its alpha channel unless the first picture is opaque everywhere."""

    _unit: ClassVar[int] = 1

    def pictures(self, start: int = 0) -> Iterator[Picture]:
        """Yield the masks from frame `start` on."""
        for picture in super().pictures(start):
            yield np.repeat(CLEAN[grey(picture)][..., None], 3, axis=2)

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
    """Return the mask (H, W) and its value of white, which is 1 for a label map."""
    colours, alpha = contents.colours, contents.alpha
    peak = int(np.iinfo(colours.dtype).max)
    if alpha is not None and int(alpha.min()) < peak:
        return alpha, peak
    if _is_label_map(colours):
        return (colours.max(axis=2) > 0).astype(np.uint8), 1
    values = grey(colours)
    # 8-bit values in a 16-bit file would be almost black
    return values, 255 if int(values.max()) <= 255 else peak


def _is_label_map(colours: Pixels) -> bool:
    """Return whether (H, W, 3) is a label map: not grey, at most LABELS colours including black."""
    if (colours[..., :1] == colours[..., 1:]).all():
        return False
    # a few pixels are enough to recognise a photograph, in less than a second
    for subset in (colours[::8, ::8], colours):
        found = np.unique(subset.astype(np.uint64) @ np.array([1, 1 << 16, 1 << 32], np.uint64))
        if len(found) > LABELS:
            return False
    return int(found[0]) == 0
