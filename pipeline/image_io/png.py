"""PNGs as bytes: many in one file, and what one says of its colours and of itself."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import BinaryIO

from pipeline.errors import UserError, printable

SIGNATURE = b"\x89PNG\r\n\x1a\n"


def read_pngs(segments: Sequence[Path]) -> Iterator[bytes]:
    """Yield the PNGs in the segments, in order. Raises UserError if one is damaged."""
    for segment in segments:
        with segment.open("rb") as file:
            while signature := file.read(len(SIGNATURE)):
                png = _chunks(file)
                if signature != SIGNATURE or not png:
                    raise UserError(
                        f"{printable(segment)}: must be as it was written, got other bytes; "
                        "remove it and run the same command again"
                    )
                yield signature + png


def _chunks(file: BinaryIO) -> bytes:
    """Return the file's next bytes up to the end of a PNG, or none if they are not one."""
    chunks, kind = [], b""
    while kind != b"IEND":
        head = file.read(8)
        length, kind = int.from_bytes(head[:4]), head[4:]
        body, checksum = file.read(length), file.read(4)
        if len(checksum) < 4 or zlib.crc32(kind + body) != int.from_bytes(checksum):
            return b""
        chunks += [head, body, checksum]
    return b"".join(chunks)


def add_png_tags(png: bytes, profile: bytes, metadata: Mapping[str, str]) -> bytes:
    """Return the PNG with what its colours mean, and each tag as a chunk of UTF-8 text.

    PNG specification, third edition, 11.3.2.3 and 11.3.3.4. They stand behind the header chunk.
    """
    header = len(SIGNATURE) + 25  # then IHDR: length, name, 13 bytes, checksum
    chunks = b""
    if profile:
        chunks += _chunk(b"iCCP", b"ICC profile\0\0" + zlib.compress(profile))
    for key, value in metadata.items():
        chunks += _chunk(b"iTXt", key.encode("latin-1") + b"\0\0\0\0\0" + value.encode())
    return png[:header] + chunks + png[header:]


def _chunk(name: bytes, body: bytes) -> bytes:
    """Return a chunk of a PNG: length, name, body, checksum."""
    body = name + body
    return struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body))
