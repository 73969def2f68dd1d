"""The pictures of a render on the disk: encoded in segments, and the newest as they are."""

from __future__ import annotations

import hashlib
import logging
import os
import re
import shutil
from collections.abc import Sequence
from pathlib import Path

from pipeline.encoder import Encoder, Writer
from pipeline.errors import UserError, printable
from pipeline.ffmpeg.result import KilledError
from pipeline.frame import Clip, Picture
from pipeline.recording.output import remove
from pipeline.recording.spool import Spool
from pipeline.storage.atomic import fsync
from pipeline.storage.work_dir import write_text

log = logging.getLogger(__name__)


SEGMENT = re.compile(r"segment-(\d+)-(\d+)")
"""A file's name: the number of its first picture, and of the first that is no longer in it."""


class Segments:
    """Takes pictures in order. Each segment has an encoder of its own, and is closed or not there.

    A picture whose segment is not closed yet also lies in the spool, so that whenever a render is
    stopped, the segment can be begun again and comes out as it would have. folder: where all lie.
    length: the most pictures a segment; one ends where a shot does, too. first: number of the first
    picture. Its methods raise UserError, and OSError.
    """

    def __init__(
        self, folder: Path, encoder: Encoder, clip: Clip, length: int, first: int = 0
    ) -> None:
        self.first, self.count = first, first
        """Number of the first picture, and behind the last that was taken; only those up to the
        last `sync` survive whatever comes.
        """
        self._folder, self._encoder, self._clip, self._length = folder, encoder, clip, length
        self._last = folder / "last"
        self._spool = Spool(folder, clip)
        self._writer: Writer | None = None
        self._written = 0

    def resume(self) -> None:
        """Go on behind the pictures that are there."""
        self.stop()
        first = self.end
        self._spool.clear(before=first)
        self.count = self._spool.end(first)
        for picture in self._spool.pictures(first):
            self._encode(picture)

    def append(self, picture: Picture, *, starts_shot: bool = False) -> None:
        """Take the next picture, (H, W, 3) RGB. starts_shot: it begins a shot."""
        if starts_shot:
            self.close()
        self._spool.append(picture, self.count)
        self.count += 1
        try:
            self._encode(picture)
        except KilledError as error:
            self._begin_again(error)

    def close(self) -> None:
        """Let the open segment, if there is one, be closed as it is."""
        try:
            self._close()
        except KilledError as error:
            self._begin_again(error)
            self._close()

    def sync(self) -> None:
        """Let no picture that was taken be lost."""
        self._spool.sync()

    def full(self) -> list[Path]:
        """Return the segments that are closed, in order."""
        return [path for _, path in closed_segments(self._folder, self.first)]

    def find_damaged(self) -> Path | None:
        """Return the first closed segment that is no longer what was written; None if all are
        whole.
        """
        for path in self.full():
            digest = _digest_of(path)  # those that were adopted have none
            if digest.exists() and digest.read_text("ascii", "replace") != _digest(path):
                return path
        return None

    @property
    def end(self) -> int:
        """The number behind the last picture of those."""
        return max(
            (end for end, _ in closed_segments(self._folder, self.first)), default=self.first
        )

    def all(self) -> list[Path]:
        """Return all segments, the last of them closed early; nothing more can be taken."""
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
        self.sync()
        self.resume()

    def _closed(self) -> list[Path]:
        segments, end = self.full(), self.end
        if self._writer is not None:
            self._writer.close()
            self._writer = None
            segments.append(self._last)
            end += self._written
        if end != self.count:  # some are of another render
            raise UserError(
                f"output: {printable(self._folder)} must hold the {self.count - self.first} "
                "pictures "
                f"that were made, got {end - self.first}; remove that folder to start over"
            )
        return segments

    def _encode(self, picture: Picture) -> None:
        """Hand the picture to the encoder, and close the segment that is full."""
        if self._writer is None:
            self._writer, self._written = self._encoder.open(self._last, self._clip), 0
        self._writer.write(picture)
        self._written += 1
        if self._written == self._length:
            self._close()

    def _close(self) -> None:
        if self._writer is None:
            return
        self._writer.close()
        self._writer = None
        first = self.end
        closed = first + self._written
        segment = self._folder / f"segment-{first:08d}-{closed:08d}"
        write_text(_digest_of(segment), _digest(self._last), durable=True)
        self._last.rename(segment)
        fsync(self._folder)
        self._spool.clear(before=closed)

    def adopt(self, segments: Sequence[Path]) -> None:
        """Take these, made elsewhere of the same pictures, in order, in the place of all others."""
        for path in segments:
            here = self._folder / path.name
            remove(here)
            try:
                os.link(path, here)
            except OSError:  # of another disk
                shutil.copyfile(path, here)
        self.count = self.end


def _digest_of(segment: Path) -> Path:
    """Return the file that holds what a closed segment must come to."""
    return segment.with_name(segment.name.replace("segment", "digest", 1))


def _digest(path: Path) -> str:
    """Return the sha256 of a file in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def closed_segments(folder: Path, first: int) -> list[tuple[int, Path]]:
    """Return every closed segment from that picture on, each behind the one before, with the number
    behind its last picture.
    """
    found = {}
    for path in folder.glob("segment-*"):
        if match := SEGMENT.fullmatch(path.name):
            found[int(match[1])] = int(match[2]), path
    chain = []
    while first in found:
        chain.append(found[first])
        first = found[first][0]
    return chain
