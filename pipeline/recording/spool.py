"""Pictures that stand in no closed segment yet, as they are, on the disk.

An encoder shows what it took only once it is closed, and closed early it would make another file.
So every picture is also written here, and after a kill read back and encoded again.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from io import FileIO
from pathlib import Path

import numpy as np

from pipeline.frame import Clip, Picture
from pipeline.storage.atomic import commit, temporary_path

PIECE = re.compile(r"pictures-(\d+)-(\d+)")
"""A file's name: the number of its first picture, and of the first that is no longer in it."""


class Spool:
    """Pictures by their number, in pieces that are never changed once they count.

    folder: where the pieces lie. clip: the shape of the pictures. Its methods raise OSError.
    """

    def __init__(self, folder: Path, clip: Clip) -> None:
        self._folder = folder
        self._type = np.dtype(f"u{clip.depth // 8}")
        self._shape = clip.height, clip.width, 3
        self._size = clip.height * clip.width * 3 * self._type.itemsize
        self._file: FileIO | None = None
        self._half = temporary_path(folder / "pictures")
        self._first = self._count = 0

    def append(self, picture: Picture, number: int) -> None:
        """Write the picture of that number, the one behind the last; it does not count yet."""
        if self._file is None:
            self._half = temporary_path(self._folder / "pictures")
            # unbuffered: nothing that a full disk refused is tried again behind our back
            self._file = self._half.open("xb", buffering=0)
            self._first, self._count = number, 0
        rest = np.ascontiguousarray(picture).data.cast("B")
        while rest:
            rest = rest[self._file.write(rest) :]
        self._count += 1

    def sync(self) -> None:
        """Let all that was written count: it is on the disk."""
        if self._file is None:
            return
        # a write that failed or was interrupted may have left a part of one more
        os.ftruncate(self._file.fileno(), self._count * self._size)
        self._file.close()
        self._file = None
        name = f"pictures-{self._first:08d}-{self._first + self._count:08d}"
        commit(self._half, self._folder / name)

    def clear(self, before: int) -> None:
        """Remove every picture that does not count yet, and each piece that ends before or at
        that number.
        """
        self.close()
        for (_, last), path in self._pieces().items():
            if last <= before:
                path.unlink()

    def close(self) -> None:
        """Forget what does not count yet."""
        if self._file is not None:
            file, self._file = self._file, None
            try:
                file.close()
            finally:
                self._half.unlink(missing_ok=True)

    def end(self, first: int) -> int:
        """Return the number behind the last picture of those that are there from `first` on."""
        while last := next((b for a, b in self._pieces() if a == first), None):
            first = last
        return first

    def pictures(self, first: int) -> Iterator[Picture]:
        """Yield those pictures."""
        pieces = self._pieces()
        while span := next((span for span in pieces if span[0] == first), None):
            with pieces[span].open("rb") as file:
                while data := file.read(self._size):
                    yield np.frombuffer(data, self._type).reshape(self._shape)
            first = span[1]

    def _pieces(self) -> dict[tuple[int, int], Path]:
        """Return every whole piece, by its first picture and the first that is no longer in it."""
        found = {}
        for path in sorted(self._folder.iterdir()):
            if match := PIECE.fullmatch(path.name):
                first, end = int(match[1]), int(match[2])
                if path.stat().st_size == (end - first) * self._size:
                    found[first, end] = path
        return found
