"""The spool: pictures that are in no closed segment yet, stored on the disk without encoding.

The file of an encoder can be read only once it is closed, and closing it early gives another file.
So every picture is also written here; after a kill it is read back and encoded again.
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
"""Pattern of the name of a piece: numbers of its first picture and the first one after it."""


class Spool:
    """Pictures by number, in files ("pieces") that do not change once they are committed.

    folder: folder of the pieces. clip: the shape of the pictures. Methods raise OSError.
    """

    def __init__(self, folder: Path, clip: Clip) -> None:
        self._folder = folder
        self._type = np.dtype(f"u{clip.depth // 8}")
        self._shape = clip.height, clip.width, 3
        self._size = clip.height * clip.width * 3 * self._type.itemsize
        self._file: FileIO | None = None
        self._temporary = temporary_path(folder / "pictures")
        self._first = self._count = 0

    def append(self, picture: Picture, number: int) -> None:
        """Write the picture with the next number; `sync` commits it."""
        if self._file is None:
            self._temporary = temporary_path(self._folder / "pictures")
            # unbuffered, so that what a full disk refused is not written again later, unnoticed
            self._file = self._temporary.open("xb", buffering=0)
            self._first, self._count = number, 0
        rest = np.ascontiguousarray(picture).data.cast("B")
        while rest:
            rest = rest[self._file.write(rest) :]
        self._count += 1

    def sync(self) -> None:
        """Commit all pictures written so far, and flush them to the disk."""
        if self._file is None:
            return
        # a write that failed or was interrupted may have left an incomplete picture at the end
        os.ftruncate(self._file.fileno(), self._count * self._size)
        self._file.close()
        self._file = None
        name = f"pictures-{self._first:08d}-{self._first + self._count:08d}"
        commit(self._temporary, self._folder / name)

    def clear(self, before: int) -> None:
        """Discard pictures that are not committed, and remove the pieces that end before `before`.

        before: number of a picture.
        """
        self.close()
        for (_, last), path in self._pieces().items():
            if last <= before:
                path.unlink()

    def close(self) -> None:
        """Discard the pictures that are not committed."""
        if self._file is not None:
            file, self._file = self._file, None
            try:
                file.close()
            finally:
                self._temporary.unlink(missing_ok=True)

    def end(self, first: int) -> int:
        """Return the number after the last picture, counted from `first` up to the first gap."""
        while last := next((b for a, b in self._pieces() if a == first), None):
            first = last
        return first

    def pictures(self, first: int) -> Iterator[Picture]:
        """Yield the committed pictures from `first` on, up to the first gap."""
        pieces = self._pieces()
        while span := next((span for span in pieces if span[0] == first), None):
            with pieces[span].open("rb") as file:
                while data := file.read(self._size):
                    yield np.frombuffer(data, self._type).reshape(self._shape)
            first = span[1]

    def _pieces(self) -> dict[tuple[int, int], Path]:
        """Return the complete pieces, by the numbers of their first picture and the one after."""
        found = {}
        for path in sorted(self._folder.iterdir()):
            if match := PIECE.fullmatch(path.name):
                first, end = int(match[1]), int(match[2])
                if path.stat().st_size == (end - first) * self._size:
                    found[first, end] = path
        return found
