"""Pictures of a file that are synchronised with the input.

A single picture is used for the whole render. From a video, a folder or a numbered pattern, each
frame gets the picture nearest to its time; after the end, the last picture is repeated.
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
"""Tolerance in pictures: a time this close to halfway between two of them gets the later one."""


@dataclass(frozen=True)
class SyncedPictures:
    """The pictures of one file, synchronised with the frames of the input."""

    key: str
    """Setting that names the file, for messages."""
    source: Source
    """Source of the pictures."""
    start: float = 0.0
    """Time in the file, in seconds, at the first frame."""
    speed: float = 1.0
    """Seconds of the file per second of the render."""

    def along(self, frames: Iterable[Frame]) -> Generator[tuple[Frame, Picture], None, None]:
        """Yield each frame with its picture, the same object as long as it is the nearest.

        Raises UserError if the file is too damaged to yield a picture.
        """
        with errors_of(self.key):
            clip = self.source.clip

        def nearest(seconds: float) -> int:
            return math.floor((self.start + seconds * self.speed) * float(clip.rate) + 0.5 + TIE)

        position = nearest(0.0) if clip.count is None else min(nearest(0.0), clip.count - 1)
        with closing(self._endless(position)) as pictures:
            picture = next(pictures)
            for frame in frames:
                while position < nearest(frame.time):
                    picture, position = next(pictures), position + 1
                yield frame, picture

    def _endless(self, first: int) -> Generator[Picture, None, None]:
        """Yield the pictures from index `first` on, then repeat the last one forever."""
        picture = None
        with errors_of(self.key):
            for following in self.source.pictures(first):
                if following is not None:
                    picture = following
                    yield picture
            if picture is None:
                raise UserError(
                    f"input: must contain pictures up to its end, got none from number {first} on; "
                    "use an undamaged copy of the file"
                )
        if self.source.clip.count != 1:
            log.info("%s: ends before the input; its last picture is repeated", self.key)
        while True:
            yield picture
