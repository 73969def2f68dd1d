"""The first directory of a TIFF, which an EXIF block is too: read, and written with more tags.

TIFF 6.0, section 2. OpenCV writes the pixels of a TIFF, but nothing of what its colours mean.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass

SHORT, UNDEFINED = 3, 7
"""Kinds of fields: whole numbers of two bytes, and any bytes."""
EXTRA_SAMPLES, ICC_PROFILE = 338, 34675
"""Tags of what a fourth channel means, and of what colours mean."""
MULTIPLIED, STRAIGHT = 1, 2
"""A fourth channel that the colours are multiplied with already, and one that they are not (TIFF
6.0, section 18)."""


@dataclass(frozen=True)
class Directory:
    """What stands in it."""

    block: bytes
    """The bytes of the file that it points into."""
    order: str
    """Of bytes, as struct writes it."""
    fields: Mapping[int, tuple[int, int, int]]
    """By tag, kind, count and where in the block the value stands, or the place where it does."""
    following: int = 0
    """Place of the next directory, which is of a further page; 0 = there is none."""

    def number(self, tag: int) -> int | None:
        """Return the field's first number of two bytes, None if there is none."""
        kind, _, at = self.fields.get(tag, (0, 0, 0))
        return (
            int(struct.unpack_from(self.order + "H", self.block, at)[0]) if kind == SHORT else None
        )

    def content(self, tag: int) -> bytes:
        """Return the bytes of a field that holds more than four; empty if there are none."""
        _, count, at = self.fields.get(tag, (0, 0, 0))
        if count <= 4:
            return b""
        (place,) = struct.unpack_from(self.order + "I", self.block, at)
        return self.block[place : place + count]


def directory(block: bytes) -> Directory:
    """Return the first directory, with as much of it as the block holds; empty if it is no TIFF."""
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(block[:4], "")
    fields: dict[int, tuple[int, int, int]] = {}
    following = 0
    try:
        (at,) = struct.unpack_from(order + "I", block, 4) if order else (len(block),)
        (count,) = struct.unpack_from(order + "H", block, at)
        for field in range(at + 2, at + 2 + 12 * count, 12):
            tag, kind, size, _ = struct.unpack_from(order + "HHII", block, field)
            fields[tag] = kind, size, field + 8
        (following,) = struct.unpack_from(order + "I", block, at + 2 + 12 * count)
    except struct.error:
        pass  # cut short: a picture that lies on its side is better than none
    return Directory(block, order, fields, following)


def add_tiff_tags(tiff: bytes, profile: bytes, *, alpha: bool) -> bytes:
    """Return the little-endian TIFF with its ICC profile, and with what its fourth channel means.

    Its directory is written again at the end, where there is room for more fields.
    """
    (at,) = struct.unpack_from("<I", tiff, 4)
    (count,) = struct.unpack_from("<H", tiff, at)
    fields = [tiff[place : place + 12] for place in range(at + 2, at + 2 + 12 * count, 12)]
    whole = _even(tiff)
    if alpha:
        fields.append(struct.pack("<HHIHxx", EXTRA_SAMPLES, SHORT, 1, STRAIGHT))
    if profile:
        fields.append(struct.pack("<HHII", ICC_PROFILE, UNDEFINED, len(profile), len(whole)))
        whole = _even(whole + profile)
    fields.sort(key=lambda field: struct.unpack_from("<H", field))
    end = struct.pack("<H", len(fields)) + b"".join(fields) + bytes(4)
    return whole[:4] + struct.pack("<I", len(whole)) + whole[8:] + end


def _even(content: bytes) -> bytes:
    """Return the bytes up to a place that a directory may begin at."""
    return content + bytes(len(content) % 2)
