"""The pictures of a render on the disk: encoded, so many a segment, and the newest as they are."""

from __future__ import annotations

import logging
from itertools import count, takewhile
from pathlib import Path

from pipeline.durable import flush
from pipeline.encoder import Encoder, KilledError, Writer
from pipeline.frame import Clip, Picture
from pipeline.output import remove
from pipeline.spool import Spool

log = logging.getLogger(__name__)


class Segments:
    """Takes pictures in order. Each segment has an encoder of its own, and is full or not there.

    A picture whose segment is not full yet also lies in the spool, so that whenever a render is
    stopped, the segment can be begun again and comes out as it would have. folder: where all lie.
    length: pictures a segment. Its methods raise UserError, and OSError.
    """

    def __init__(self, folder: Path, encoder: Encoder, clip: Clip, length: int) -> None:
        self.count = 0
        """Pictures that were taken; only those up to the last `settle` survive whatever comes."""
        self._folder, self._encoder, self._clip, self._length = folder, encoder, clip, length
        self._last = folder / "last"
        self._spool = Spool(folder, clip)
        self._writer: Writer | None = None
        self._written = 0

    def take_up(self) -> None:
        """Go on behind the pictures that are there."""
        self.stop()
        first = len(self.full()) * self._length
        self._spool.clear(before=first)
        self.count = self._spool.end(first)
        for picture in self._spool.pictures(first):
            self._encode(picture)

    def append(self, picture: Picture) -> None:
        """Take the next picture, (H, W, 3) RGB of the clip's depth."""
        self._spool.append(picture, self.count)
        self.count += 1
        try:
            self._encode(picture)
        except KilledError as error:
            self._begin_again(error)

    def settle(self) -> None:
        """Let no picture that was taken be lost."""
        self._spool.settle()

    def full(self) -> list[Path]:
        """The segments that are full, in order."""
        return list(takewhile(Path.exists, map(self._segment, count())))

    def all(self) -> list[Path]:
        """All segments, the last of them closed early; nothing more can be taken."""
        try:
            return self._closed()
        except KilledError as error:
            self._begin_again(error)
            return self._closed()

    def stop(self) -> None:
        """Let go of the encoder, and of what is neither in a segment nor settled."""
        if self._writer is not None:
            writer, self._writer = self._writer, None
            writer.stop()
        remove(self._last)
        self._spool.close()

    def _begin_again(self, error: KilledError) -> None:
        """Hand the pictures of the open segment to another encoder; once, for there is a reason."""
        log.warning("%s: its segment is begun again", str(error).partition("; ")[0])
        self.settle()
        self.take_up()

    def _closed(self) -> list[Path]:
        segments = self.full()
        if self._writer is not None:
            self._writer.close()
            self._writer = None
            segments.append(self._last)
        return segments

    def _encode(self, picture: Picture) -> None:
        """Hand the picture to the encoder, and close the segment that is full."""
        if self._writer is None:
            self._writer, self._written = self._encoder.open(self._last, self._clip), 0
        self._writer.write(picture)
        self._written += 1
        if self._written == self._length:
            self._writer.close()
            self._writer = None
            closed = len(self.full()) + 1
            self._last.rename(self._segment(closed - 1))
            flush(self._folder)
            self._spool.clear(before=closed * self._length)

    def _segment(self, number: int) -> Path:
        return self._folder / f"segment-{number:04d}"
