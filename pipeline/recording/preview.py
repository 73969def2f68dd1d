"""The preview of a running render: a complete file of its pictures so far, with sound."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from pipeline.encoder import Encoder
from pipeline.errors import UserError
from pipeline.frame import Clip
from pipeline.recording.output import remove
from pipeline.storage.atomic import disk_errors

log = logging.getLogger(__name__)

PAUSE = 20
"""Pause after a preview, as a multiple of the time to write it: so it takes 1/20 of all time."""


class Preview:
    """Joins segments in the same way as the result will be joined.

    path: file or folder to write, with the suffix of the output. clip, metadata: those of the
    result.
    """

    def __init__(
        self, path: Path, encoder: Encoder, clip: Clip, metadata: Mapping[str, str]
    ) -> None:
        self.path = path
        self._encoder, self._clip, self._metadata = encoder, clip, metadata
        self._pictures, self._not_before = 0, 0.0

    def renew(self, segments: Sequence[Path], pictures: int) -> None:
        """Write the preview again if there are more pictures than before and the pause is over.

        pictures: number of pictures in the segments. Errors are only logged, as the render itself
        can continue.
        """
        start = time.monotonic()
        if pictures <= self._pictures or start < self._not_before:
            return
        self._pictures = pictures
        try:
            self.make(segments, pictures)
        except UserError as error:
            log.warning("%s", error)
        now = time.monotonic()
        self._not_before = now + PAUSE * (now - start)

    def make(self, segments: Sequence[Path], pictures: int) -> None:
        """Write the preview. pictures: number of pictures in the segments. Raises UserError."""
        tracks = self._clip.tracks
        if tracks is not None:
            tracks = replace(tracks, seconds=float(pictures / self._clip.rate))
        clip = replace(self._clip, count=pictures, tracks=tracks)
        new = self.path.with_name(f"partial-new{self.path.suffix}")
        with disk_errors(self.path):
            remove(new)
            self._encoder.join(segments, new, clip, self._metadata)
            if self.path.is_dir():
                remove(self.path)
            new.replace(self.path)
