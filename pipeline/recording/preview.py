"""The file that shows what is done so far, with sound, while a render runs."""

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
"""Times as long as making it took, until it is made again: it takes a twentieth of the time."""


class Preview:
    """Joins segments as the whole will be joined. path: of the file, or folder, of the output's
    kind. clip, metadata: of the whole.
    """

    def __init__(
        self, path: Path, encoder: Encoder, clip: Clip, metadata: Mapping[str, str]
    ) -> None:
        self.path = path
        self._encoder, self._clip, self._metadata = encoder, clip, metadata
        self._pictures, self._not_before = 0, 0.0

    def renew(self, segments: Sequence[Path], pictures: int) -> None:
        """Show these segments, which hold so many pictures, if there are more and it is time to.

        What goes wrong is logged: the render itself is well.
        """
        began = time.monotonic()
        if pictures <= self._pictures or began < self._not_before:
            return
        self._pictures = pictures
        try:
            self.make(segments, pictures)
        except UserError as error:
            log.warning("%s", error)
        now = time.monotonic()
        self._not_before = now + PAUSE * (now - began)

    def make(self, segments: Sequence[Path], pictures: int) -> None:
        """Show these segments, which hold so many pictures. Raises UserError."""
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
