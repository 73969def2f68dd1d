"""A file whose pictures are kept in step with the input.

A picture stays for the whole render. Of a video, a folder or a numbered pattern every frame has the
picture nearest to its own time; behind the last one, that one stays.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Generator, Iterable
from contextlib import closing
from dataclasses import dataclass

from pipeline.errors import UserError, errors_of
from pipeline.frame import Frame, Picture
from pipeline.source import Source

log = logging.getLogger(__name__)

TIE = 1e-6
"""Pictures: a time so near to the middle between two lies there, and the later one is taken."""


@dataclass(frozen=True)
class SyncedPictures:
    """The pictures of one file, each at the frame of its time."""

    key: str
    """The setting that names the file."""
    source: Source
    """Of the pictures."""
    start: float = 0.0
    """Seconds of the file at the first frame."""

    def along(self, frames: Iterable[Frame]) -> Generator[tuple[Frame, Picture], None, None]:
        """Yield each frame with its picture, the very same object as long as it stays.

        Raises UserError if the file breaks in a way that leaves nothing to show.
        """
        with errors_of(self.key):
            clip = self.source.clip

        def nearest(seconds: float) -> int:
            return math.floor((self.start + seconds) * float(clip.rate) + 0.5 + TIE)

        here = nearest(0.0) if clip.count is None else min(nearest(0.0), clip.count - 1)
        with closing(self._endless(here)) as pictures:
            picture = next(pictures)
            for frame in frames:
                while here < nearest(frame.time):
                    picture, here = next(pictures), here + 1
                yield frame, picture

    def _endless(self, first: int) -> Generator[Picture, None, None]:
        """Yield the pictures from that one on, and then the last of them without end."""
        picture = None
        with errors_of(self.key):
            for following in self.source.pictures(first):
                if following is not None:
                    picture = following
                    yield picture
            if picture is None:
                raise UserError(
                    "input: must hold pictures to its end, got none any more; copy it again from "
                    "its origin"
                )
        if self.source.clip.count != 1:
            log.info("%s: ends before the input does; its last picture stays", self.key)
        while True:
            yield picture
