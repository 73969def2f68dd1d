"""The first directory of a TIFF or an EXIF block: reading its tags, and adding some.

Both have the same format (TIFF 6.0, section 2). OpenCV writes the pixels of a TIFF, but
neither an ICC profile nor the meaning of a fourth channel.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass

SHORT, UNDEFINED = 3, 7
"""Field types: unsigned integers of two bytes, and arbitrary bytes."""
EXTRA_SAMPLES, ICC_PROFILE = 338, 34675
"""Tags: the meaning of a fourth channel, and the ICC profile of the colours."""
MULTIPLIED, STRAIGHT = 1, 2
"""Values of EXTRA_SAMPLES: the colours are premultiplied by alpha, and they are not (TIFF 6.0,
section 18)."""


@dataclass(frozen=True)
class Directory:
    """The content of a directory."""

    block: bytes
    """Bytes of the whole file or block, which all offsets refer to."""
    order: str
    """Byte order, as in a format of `struct`; empty if this is not a TIFF."""
    fields: Mapping[int, tuple[int, int, int]]
    """Tag -> (type, count, offset of the four bytes that hold the value or its offset)."""
    following: int = 0
    """Offset of the next directory, which is that of another page. 0: there is none."""

    def number(self, tag: int) -> int | None:
        """Return the first number of a field of type SHORT; None if there is no such field."""
        kind, _, offset = self.fields.get(tag, (0, 0, 0))
        return (
            int(struct.unpack_from(self.order + "H", self.block, offset)[0])
            if kind == SHORT
            else None
        )

    def content(self, tag: int) -> bytes:
        """Return the bytes of a field of more than four; empty if there is no such field."""
        _, count, offset = self.fields.get(tag, (0, 0, 0))
        if count <= 4:
            return b""
        (start,) = struct.unpack_from(self.order + "I", self.block, offset)
        return self.block[start : start + count]


def directory(block: bytes) -> Directory:
    """Return the first directory, as far as it is complete; empty if the block is no TIFF."""
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(block[:4], "")
    fields: dict[int, tuple[int, int, int]] = {}
    following = 0
    try:
        (offset,) = struct.unpack_from(order + "I", block, 4) if order else (len(block),)
        (count,) = struct.unpack_from(order + "H", block, offset)
        for field in range(offset + 2, offset + 2 + 12 * count, 12):
            tag, kind, size, _ = struct.unpack_from(order + "HHII", block, field)
            fields[tag] = kind, size, field + 8
        (following,) = struct.unpack_from(order + "I", block, offset + 2 + 12 * count)
    except struct.error:
        pass  # truncated: better a picture in the wrong orientation than none
    return Directory(block, order, fields, following)


def add_tiff_tags(tiff: bytes, profile: bytes, *, alpha: bool) -> bytes:
    """Return the little-endian TIFF with an ICC profile, if any, and straight alpha if `alpha`.

    The directory is written again at the end of the file, where more fields fit.
    """
    (offset,) = struct.unpack_from("<I", tiff, 4)
    (count,) = struct.unpack_from("<H", tiff, offset)
    fields = [tiff[start : start + 12] for start in range(offset + 2, offset + 2 + 12 * count, 12)]
    result = _pad_to_even(tiff)
    if alpha:
        fields.append(struct.pack("<HHIHxx", EXTRA_SAMPLES, SHORT, 1, STRAIGHT))
    if profile:
        fields.append(struct.pack("<HHII", ICC_PROFILE, UNDEFINED, len(profile), len(result)))
        result = _pad_to_even(result + profile)
    fields.sort(key=lambda field: struct.unpack_from("<H", field))
    end = struct.pack("<H", len(fields)) + b"".join(fields) + bytes(4)
    return result[:4] + struct.pack("<I", len(result)) + result[8:] + end


def _pad_to_even(content: bytes) -> bytes:
    """Return the bytes padded to an even length, since a directory must start at an even offset."""
    return content + bytes(len(content) % 2)
