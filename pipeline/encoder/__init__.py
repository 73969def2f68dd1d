"""Contract of the encoders, which write the result. Codecs are configured in conf/encoder/."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

from pipeline.frame import Clip, Picture


class Writer(Protocol):
    """Writes the pictures of a segment, which is complete only once `close` has returned."""

    def write(self, picture: Picture) -> None:
        """Append a picture, (H, W, 3) RGB of the clip's bit depth.

        Bit depth and transparency that the output format does not support are dropped.
        Raises UserError if the encoder failed, on a full disk for example, and KilledError if it
        was killed.
        """

    def close(self) -> None:
        """Finish the segment and check that it has every picture and is flushed to the disk.

        Raises UserError otherwise, and KilledError if the encoder was killed.
        """

    def stop(self) -> None:
        """Stop immediately, end all processes and remove the unfinished segment."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Call `close` after success and `stop` after an error."""
        if kind is None:
            self.close()
        else:
            self.stop()


class Encoder(Protocol):
    """Writes segments and joins them to the output."""

    @property
    def suffixes(self) -> tuple[str, ...]:
        """Suffixes of the outputs that it can write, the default first; "" is a folder."""

    def check(self, clip: Clip, folder: Path, suffix: str) -> None:
        """Try all steps on black pictures in `folder`: encode, join, add tracks and tags.

        Anything that would fail after the last frame fails here. Raises UserError. All files are
        removed.
        """

    def open(self, path: Path, clip: Clip) -> Writer:
        """Return a writer for one segment at `path`, with pictures of the clip's size and rate.

        A segment is one file, whatever its suffix. It is written to a temporary file in the same
        folder, with a name that ends in ".tmp", and renamed to `path` by `close`. Its name must be
        plain: letters, digits, "_", "-" and ".", not starting with ".".
        """

    def pictures(self, segment: Path, clip: Clip) -> Iterator[Picture]:
        """Yield the pictures of a segment, (H, W, 3) RGB, as the codec has stored them.

        clip: the one that the segment was opened with. Raises UserError if it cannot be decoded.
        """

    def join(
        self, segments: Sequence[Path], path: Path, clip: Clip, metadata: Mapping[str, str]
    ) -> None:
        """Join the segments and the clip's tracks to a complete output at `path`.

        segments: in order, in one folder; they are not modified, but a temporary file may be
        written next to them. path: has the suffix of the output and does not exist; the caller
        renames it afterwards. metadata: tags to write, as far as the format supports them; every
        video except a .gif supports "comment" and "title". Raises UserError.
        """
