"""Contract: how the dream is written. One file a way; a codec is data in conf/encoder/."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

from pipeline.frame import Clip, Picture


class Writer(Protocol):
    """Takes pictures one by one; what it wrote counts only after `close` returned."""

    def write(self, picture: Picture) -> None:
        """Append (H, W, 3) RGB of the clip's depth; what has no room in the format goes.

        Raises UserError if the encoder died (a full disk, say), KilledError if it was killed.
        """

    def close(self) -> None:
        """Finish the segment and make sure that every picture is in it and on the disk.

        Raises UserError if it is not, KilledError if the encoder was killed.
        """

    def stop(self) -> None:
        """End at once and leave nothing running; the half-written segment goes."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close after success, stop after an error."""
        if kind is None:
            self.close()
        else:
            self.stop()


class Encoder(Protocol):
    """Writes segments, and joins them to the video that the user asked for."""

    @property
    def suffixes(self) -> tuple[str, ...]:
        """Suffixes of outputs that it can write, the usual one first; "" is a folder."""

    def check(self, clip: Clip, folder: Path, suffix: str) -> None:
        """Try the whole chain on two black frames in `folder`: encode, join, sound, tags.

        What would fail after the last frame fails here. Raises UserError. Leaves nothing behind.
        """

    def open(self, path: Path, clip: Clip) -> Writer:
        """Return a writer of one segment of pictures of clip's size and rate at `path`.

        A segment is one file, whatever its suffix. It is written under another name that ends in
        ".tmp", in the same folder, and appears at `path` in one rename when `close` returns. Its
        name must be plain: letters, digits, "_", "-" and ".", the last not in front.
        """

    def join(
        self, segments: Sequence[Path], path: Path, clip: Clip, metadata: Mapping[str, str]
    ) -> None:
        """Join the segments, with clip's tracks beside them, to a complete file at `path`.

        segments: in order, in one folder, left as they are. A temporary file may stand beside.
        `path` has the output's suffix, does not exist yet and is not the final name: the caller
        renames it. metadata: tags to be written into the file, where it has a place for them;
        "comment" and "title" have one in every video but a .gif. Raises UserError.
        """
