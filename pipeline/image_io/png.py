"""PNGs as bytes: reading several from one file, and adding a colour profile and metadata."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import BinaryIO

from pipeline.errors import UserError, printable

SIGNATURE = b"\x89PNG\r\n\x1a\n"


def read_pngs(segments: Sequence[Path]) -> Iterator[bytes]:
    """Yield the PNGs of the segments, in order. Raises UserError if one is damaged."""
    for segment in segments:
        with segment.open("rb") as file:
            while signature := file.read(len(SIGNATURE)):
                png = _read_chunks(file)
                if signature != SIGNATURE or not png:
                    raise UserError(
                        f"{printable(segment)}: must be undamaged, got corrupt data; remove it and "
                        "run the same command again"
                    )
                yield signature + png


def _read_chunks(file: BinaryIO) -> bytes:
    """Return the chunks of the next PNG, after its signature; empty if they are damaged."""
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
    """Return the PNG with its ICC profile, if any, and each metadata item as a UTF-8 text chunk.

    The new chunks follow the header chunk (PNG specification, third edition, 11.3.2.3, 11.3.3.4).
    """
    header = len(SIGNATURE) + 25  # signature and IHDR: length, name, 13 bytes, checksum
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
