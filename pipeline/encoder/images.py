"""A folder of numbered PNGs, or a single picture.

A segment is one file, so that one rename lets it count: PNGs one after the other.
"""

from __future__ import annotations

import shutil
import struct
import tempfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Annotated, BinaryIO, Literal

import cv2
import numpy as np
from pydantic import Field
from pydantic.dataclasses import dataclass

from pipeline.encoder import Writer
from pipeline.encoder.durable import flush, half_of, settle, trouble
from pipeline.errors import UserError, shown
from pipeline.frame import Clip, Picture

Suffix = Literal["", ".png", ".jpg", ".jpeg"]
SINGLE = (".png", ".jpg", ".jpeg")
"""Suffixes of a single picture; a folder may be called anything else."""
SIGNATURE = b"\x89PNG\r\n\x1a\n"
DIGITS = 6
"""Digits of a picture's number in a folder; more where a render has more pictures."""


@dataclass(frozen=True)
class Images:
    """An Encoder. Sound and subtitles have no place in pictures and are left out.

    suffixes: "" is a folder, the others a single picture. compression: of a PNG, 0..9; all are
    lossless, 9 is the smallest and slowest. quality: of a JPEG, 1..100.
    """

    suffixes: Annotated[tuple[Suffix, ...], Field(min_length=1)]
    compression: Annotated[int, Field(ge=0, le=9)]
    quality: Annotated[int, Field(ge=1, le=100)]

    def check(self, clip: Clip, folder: Path, suffix: str) -> None:
        """Try the whole chain on black pictures in `folder`. Raises UserError."""
        suffix = suffix.lower()
        if suffix not in self.suffixes:
            names = " or ".join(known or "nothing (a folder)" for known in self.suffixes)
            raise UserError(
                f"output: must end in {names}, got {shown(suffix)!r}; "
                "rename it or choose another encoder"
            )
        if suffix and clip.count != 1:
            held = "an unknown number" if clip.count is None else clip.count
            raise UserError(
                f"output: a {suffix} file must hold one picture, got {held}; "
                "name a folder or a video, or set frames=1"
            )
        try:
            with tempfile.TemporaryDirectory(prefix="check-", dir=folder) as name:
                segment = Path(name, "0")
                with self.open(segment, clip) as writer:
                    for _ in range(1 if suffix else 2):
                        writer.write(np.zeros((clip.height, clip.width, 3), np.uint8))
                self.join([segment], Path(name, f"check{suffix}"), clip, {"comment": "check"})
        except OSError as error:
            raise trouble(folder, error) from error

    def open(self, path: Path, clip: Clip) -> PictureSegment:
        """A writer of one segment at `path`. Raises UserError if its folder cannot be used."""
        return PictureSegment(path, clip, self.compression)

    def join(
        self, segments: Sequence[Path], path: Path, clip: Clip, metadata: Mapping[str, str]
    ) -> None:
        """Write the pictures into the new folder `path`, or the only one to the file `path`.

        metadata: tags of a single .png; elsewhere there is no place for them. Raises UserError.
        """
        try:
            if path.suffix.lower() in SINGLE:
                self._write_single(list(_stored(segments)), path, metadata)
            else:
                _write_folder(segments, path)
        except OSError as error:
            raise trouble(path, error) from error

    def _write_single(
        self, pictures: Sequence[bytes], path: Path, metadata: Mapping[str, str]
    ) -> None:
        if len(pictures) != 1:
            raise UserError(
                f"output: a {path.suffix} file must hold one picture, got {len(pictures)}; "
                "name a folder or a video"
            )
        png = pictures[0]
        if path.suffix.lower() == ".png":
            _write(path, _tagged(png, metadata))
        else:
            picture = cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_COLOR)
            assert picture is not None  # its checksum was right
            _write(path, _encoded(picture.astype(np.uint8), ".jpg", _jpeg(self.quality)))


class PictureSegment(Writer):
    """A Writer of one file of PNGs."""

    def __init__(self, path: Path, clip: Clip, compression: int) -> None:
        self._path = path
        self._shape = (clip.height, clip.width, 3)
        self._options = [cv2.IMWRITE_PNG_COMPRESSION, compression]
        self._half = half_of(path)
        self._written = 0
        self._open = True
        try:
            self._file = self._half.open("xb")
        except OSError as error:
            raise trouble(path, error) from error

    def write(self, picture: Picture) -> None:
        """Append (H, W, 3) uint8 RGB. Raises UserError if the disk is full."""
        if picture.shape != self._shape or picture.dtype != np.uint8:
            got = f"{picture.shape} {picture.dtype}"
            raise ValueError(f"a picture must be {self._shape} uint8, got {got}")
        try:
            self._file.write(_encoded(picture[..., ::-1], ".png", self._options))
        except OSError as error:
            raise trouble(self._path, error) from error
        self._written += 1

    def close(self) -> None:
        """Let the segment count: every picture is in it and it is on the disk, or UserError."""
        if not self._open:
            return
        try:
            self._file.close()
            got = sum(1 for _ in _stored([self._half]))
            if got != self._written:
                raise UserError(
                    f"{shown(self._path)}: must hold all {self._written} pictures, got {got}; "
                    "choose another disk"
                )
            settle(self._half, self._path)
        except OSError as error:
            raise trouble(self._path, error) from error
        finally:
            self.stop()

    def stop(self) -> None:
        """End at once; the half file goes."""
        self._open = False
        with suppress(OSError):  # the full disk that brought us here, again
            self._file.close()
        self._half.unlink(missing_ok=True)


def _stored(segments: Sequence[Path]) -> Iterator[bytes]:
    """The PNGs in the segments, in order. Raises UserError if one is damaged."""
    for segment in segments:
        with segment.open("rb") as file:
            while signature := file.read(len(SIGNATURE)):
                png = _chunks(file)
                if signature != SIGNATURE or not png:
                    raise UserError(
                        f"{shown(segment)}: must be as it was written, got other bytes; "
                        "remove it and run the same command again"
                    )
                yield signature + png


def _chunks(file: BinaryIO) -> bytes:
    """The file's next bytes up to the end of a PNG, or none if they are not one."""
    chunks, kind = [], b""
    while kind != b"IEND":
        head = file.read(8)
        length, kind = int.from_bytes(head[:4]), head[4:]
        body, checksum = file.read(length), file.read(4)
        if len(checksum) < 4 or zlib.crc32(kind + body) != int.from_bytes(checksum):
            return b""
        chunks += [head, body, checksum]
    return b"".join(chunks)


def _write_folder(segments: Sequence[Path], path: Path) -> None:
    """Make the folder and write every picture into it: 000000.png, 000001.png ..."""
    path.mkdir()
    try:
        for index, png in enumerate(_stored(segments)):
            _write(path / f"{index:0{DIGITS}d}.png", png)
    except BaseException:
        shutil.rmtree(path)
        raise
    flush(path)


def _write(path: Path, content: bytes) -> None:
    """Write the file so that it is whole or not there. Raises OSError."""
    half = half_of(path)
    try:
        half.write_bytes(content)
        settle(half, path)
    finally:
        half.unlink(missing_ok=True)


def _jpeg(quality: int) -> list[int]:
    """OpenCV's options for this quality, with colour at full resolution: dreams are colourful."""
    full = cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444
    return [cv2.IMWRITE_JPEG_QUALITY, quality, cv2.IMWRITE_JPEG_SAMPLING_FACTOR, full]


def _encoded(picture: Picture, suffix: str, options: Sequence[int]) -> bytes:
    """The picture, (H, W, 3) uint8 BGR, as a file's bytes.

    OpenCV's own writing to a file says nothing of a full disk and knows no odd file names.
    """
    _, content = cv2.imencode(suffix, np.ascontiguousarray(picture), list(options))
    return content.tobytes()


def _tagged(png: bytes, metadata: Mapping[str, str]) -> bytes:
    """The PNG with each tag as a chunk of UTF-8 text (PNG specification, third edition, 11.3.3.4).

    Tags stand between the header chunk and the next one.
    """
    header = len(SIGNATURE) + 25  # then IHDR: length, name, 13 bytes, checksum
    chunks = b""
    for key, value in metadata.items():
        body = b"iTXt" + key.encode("latin-1") + b"\0\0\0\0\0" + value.encode()
        chunks += struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body))
    return png[:header] + chunks + png[header:]
