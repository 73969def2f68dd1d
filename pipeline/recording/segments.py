"""The pictures of a render on the disk: encoded in segments, the newest also in a spool."""

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
"""Pattern of the name of a segment: numbers of its first picture and the first one after it."""


class Segments:
    """Encodes pictures, in order, into segments: files that appear once they are complete.

    Pictures are also in the spool until their segment is closed, so that after an interruption the
    segment can be encoded again, with the same bytes. folder: folder of all files. length: maximum
    number of pictures in a segment, which also ends at the end of a shot. first: number of the
    first picture. Methods raise UserError and OSError.
    """

    def __init__(
        self, folder: Path, encoder: Encoder, clip: Clip, length: int, first: int = 0
    ) -> None:
        self.first, self.count = first, first
        """Numbers of the first picture, and of the next one. Only pictures from before the last
        `sync` survive a kill.
        """
        self._folder, self._encoder, self._clip, self._length = folder, encoder, clip, length
        self._last = folder / "last"
        self._spool = Spool(folder, clip)
        self._writer: Writer | None = None
        self._written = 0

    def resume(self) -> None:
        """Continue after the pictures on the disk: encode those in the spool again."""
        self.stop()
        first = self.end
        self._spool.clear(before=first)
        self.count = self._spool.end(first)
        for picture in self._spool.pictures(first):
            self._encode(picture)

    def append(self, picture: Picture, *, starts_shot: bool = False) -> None:
        """Encode the next picture, (H, W, 3) RGB. starts_shot: whether a shot begins with it."""
        if starts_shot:
            self.close()
        self._spool.append(picture, self.count)
        self.count += 1
        try:
            self._encode(picture)
        except KilledError as error:
            self._restart_segment(error)

    def close(self) -> None:
        """Close the open segment, if there is one, at its current length."""
        try:
            self._close()
        except KilledError as error:
            self._restart_segment(error)
            self._close()

    def sync(self) -> None:
        """Save all pictures, so that none can be lost."""
        self._spool.sync()

    def full(self, before: int | None = None) -> list[Path]:
        """Return the closed segments, in order.

        before: number of a picture; later segments are left out. None: all closed segments.
        """
        closed = closed_segments(self._folder, self.first)
        return [path for end, path in closed if before is None or end <= before]

    def find_damaged(self) -> Path | None:
        """Return the first closed segment whose contents have changed; None if there is none."""
        for path in self.full():
            digest = _digest_of(path)  # adopted segments have none
            if digest.exists() and digest.read_text("ascii", "replace") != _digest(path):
                return path
        return None

    @property
    def end(self) -> int:
        """Number of the first picture after the closed segments."""
        return max(
            (end for end, _ in closed_segments(self._folder, self.first)), default=self.first
        )

    def all(self) -> list[Path]:
        """Close the open segment early and return all segments; no picture can be added then."""
        try:
            return self._close_all()
        except KilledError as error:
            self._restart_segment(error)
            return self._close_all()

    def stop(self) -> None:
        """Stop the encoder, and discard the pictures that are not saved yet."""
        if self._writer is not None:
            writer, self._writer = self._writer, None
            writer.stop()
        remove(self._last)
        self._spool.close()

    def _restart_segment(self, error: KilledError) -> None:
        """Encode the pictures of the open segment again, after its encoder was killed.

        Only once: an encoder that is killed again is killed for a reason.
        """
        log.warning("%s; encoding its segment again", str(error).partition("; ")[0])
        self.sync()
        self.resume()

    def _close_all(self) -> list[Path]:
        segments, end = self.full(), self.end
        if self._writer is not None:
            self._writer.close()
            self._writer = None
            segments.append(self._last)
            end += self._written
        if end != self.count:  # some belong to another render
            raise UserError(
                f"output: {printable(self._folder)} must contain the {self.count - self.first} "
                f"pictures rendered so far, got {end - self.first}; remove that folder to start "
                "over"
            )
        return segments

    def _encode(self, picture: Picture) -> None:
        """Encode the picture, and close the segment if it is full."""
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
        after = first + self._written
        segment = self._folder / f"segment-{first:08d}-{after:08d}"
        write_text(_digest_of(segment), _digest(self._last), durable=True)
        self._last.rename(segment)
        fsync(self._folder)
        self._spool.clear(before=after)

    def adopt(self, segments: Sequence[Path]) -> None:
        """Link segments of other jobs into the folder, in place of any with the same name."""
        for path in segments:
            here = self._folder / path.name
            remove(here)
            try:
                os.link(path, here)
            except OSError:  # on another disk
                shutil.copyfile(path, here)
        self.count = self.end


def _digest_of(segment: Path) -> Path:
    """Return the path of the file with the digest of a closed segment."""
    return segment.with_name(segment.name.replace("segment", "digest", 1))


def _digest(path: Path) -> str:
    """Return the SHA-256 of a file in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def closed_segments(folder: Path, first: int) -> list[tuple[int, Path]]:
    """Return the closed segments from picture `first` on, up to the first gap.

    With each comes the number of the first picture after it.
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
