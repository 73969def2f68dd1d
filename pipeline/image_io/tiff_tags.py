"""What a TIFF says of its colours: OpenCV writes the pixels, but none of it."""

from __future__ import annotations

import struct

EXTRA_SAMPLES, ICC_PROFILE = 338, 34675
SHORT, UNDEFINED = 3, 7
STRAIGHT = 2
"""A fourth channel that the colours are not multiplied with (TIFF 6.0, section 18)."""


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
