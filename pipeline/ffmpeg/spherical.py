"""The mark of a 360-degree video in a finished .mp4 or .mov, for which ffmpeg has no option.

It is a box in the video's track that players and websites read (Google, Spherical Video RFC,
version 1, 2015).
"""

from __future__ import annotations

import shutil
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from pipeline.storage.atomic import temporary_path

SUFFIXES = (".mp4", ".mov")
"""Suffixes of files that can be marked."""
IDENTIFIER = bytes.fromhex("ffcc8263f8554a938814587a02521fdd")
MARK = (
    '<?xml version="1.0"?><rdf:SphericalVideo '
    'xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" '
    'xmlns:GSpherical="http://ns.google.com/videos/1.0/spherical/">'
    "<GSpherical:Spherical>true</GSpherical:Spherical>"
    "<GSpherical:Stitched>true</GSpherical:Stitched>"
    "<GSpherical:StitchingSoftware>dreamreel</GSpherical:StitchingSoftware>"
    "<GSpherical:ProjectionType>equirectangular</GSpherical:ProjectionType>"
    "<GSpherical:StereoMode>{layout}</GSpherical:StereoMode></rdf:SphericalVideo>"
)
CHUNK = 1 << 20
OFFSETS = {b"stco": ">I", b"co64": ">Q"}
"""Boxes with a table of the positions of packets in the file -> struct format of an entry."""
BOX_PATH = (b"trak", b"mdia", b"minf", b"stbl")
"""Nested boxes that contain these tables, from the outside in."""


def write_spherical_tag(path: Path, layout: str) -> None:
    """Mark the file at path as an equirectangular 360-degree video.

    layout: layout of the views for the two eyes: mono, top-bottom or left-right. Raises ValueError
    if the file is not an .mp4 or .mov with a video track, and OSError.
    """
    content = MARK.format(layout=layout).encode()
    box = struct.pack(">I4s", 24 + len(content), b"uuid") + IDENTIFIER + content
    temporary = temporary_path(path)
    try:
        with path.open("rb") as old, temporary.open("wb") as new:
            begin, size = _movie(old)
            old.seek(begin)
            movie = bytearray(old.read(size))
            track = next((at for at in _boxes(movie, 8, size, b"trak") if _is_video(movie, at)), 0)
            if not track:
                raise ValueError("the file has no video track")
            end = track + _size(movie, track)
            # data after the movie box moves by the size of the new box
            _move(movie, after=begin + size, by=len(box))
            for place in (track, 0):
                struct.pack_into(">I", movie, place, _size(movie, place) + len(box))
            movie[end:end] = box
            old.seek(0)
            _copy(old, new, begin)
            new.write(movie)
            old.seek(begin + size)
            shutil.copyfileobj(old, new)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def _copy(old: BinaryIO, new: BinaryIO, size: int) -> None:
    """Copy `size` bytes."""
    while size:
        data = old.read(min(size, CHUNK))
        new.write(data)
        size -= len(data)


def _movie(file: BinaryIO) -> tuple[int, int]:
    """Return the position of the movie box in the file and its size, in bytes."""
    at = 0
    while len(head := file.read(16)) >= 8:
        size, kind = struct.unpack(">I4s", head[:8])
        size = struct.unpack(">Q", head[8:])[0] if size == 1 else size
        if kind == b"moov":
            return at, size
        if size < 8:
            break
        at += size
        file.seek(at)
    raise ValueError("the file has no movie box")


def _size(data: bytearray, at: int) -> int:
    """Return the size in bytes of the box at position `at`."""
    return int(struct.unpack_from(">I", data, at)[0])


def _boxes(data: bytearray, begin: int, end: int, kind: bytes) -> Iterator[int]:
    """Yield the positions of the boxes of that kind from `begin` to `end`, without nested ones."""
    at = begin
    while at + 8 <= end:
        if data[at + 4 : at + 8] == kind:
            yield at
        at += max(8, _size(data, at))


def _within(data: bytearray, box: int, kind: bytes) -> Iterator[int]:
    """Yield the positions of the boxes of that kind directly inside a box."""
    return _boxes(data, box + 8, box + _size(data, box), kind)


def _is_video(data: bytearray, track: int) -> bool:
    """Return whether the track at that position is a video track."""
    return any(
        data[handler + 16 : handler + 20] == b"vide"
        for media in _within(data, track, b"mdia")
        for handler in _within(data, media, b"hdlr")
    )


def _move(movie: bytearray, *, after: int, by: int) -> None:
    """Add `by` to the positions of packets at or after position `after` in the file."""
    places = [0]
    for kind in BOX_PATH:
        places = [box for place in places for box in _within(movie, place, kind)]
    for place in places:
        for kind, form in OFFSETS.items():
            for table in _within(movie, place, kind):
                (count,) = struct.unpack_from(">I", movie, table + 12)
                step = struct.calcsize(form)
                for at in range(table + 16, table + 16 + count * step, step):
                    (offset,) = struct.unpack_from(form, movie, at)
                    if offset >= after:
                        struct.pack_into(form, movie, at, offset + by)
