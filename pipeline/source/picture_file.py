"""One picture file: upright 8 bit RGB from png, jpeg, bmp, tiff, webp, ppm or jp2."""

from __future__ import annotations

import os
import struct
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from pipeline.errors import UserError, shown
from pipeline.frame import Picture
from pipeline.opening import Limits, opened
from pipeline.source.probe import picture_area

SUFFIXES = (
    *(".png", ".jpg", ".jpeg", ".jpe", ".bmp", ".tif", ".tiff"),
    *(".webp", ".ppm", ".pgm", ".pbm", ".jp2"),
)
"""What a picture in a folder is known by."""
ORIENTATION = 0x0112
"""The EXIF tag that tells how the camera was held, 1..8."""

Pixels = npt.NDArray[Any]


def read(path: Path, limits: Limits) -> Picture:
    """The picture in the file: (H, W, 3) uint8 RGB, upright, what is transparent over black.

    Raises UserError as `stored` does.
    """
    return np.ascontiguousarray(_colours(stored(path, limits)))


def stored(path: Path, limits: Limits) -> Pixels:
    """The pixels as they are stored, upright: (H, W) or (H, W, 3 or 4) in BGR, 8 or 16 bits.

    Raises UserError if it is no picture, or larger than the limits, which is found out undecoded.
    """
    area = picture_area(path, limits)
    if not 0 < area <= limits.pixels:
        raise UserError(
            f"input: must be a picture of at most source.max_pixels={limits.pixels} pixels, "
            f"got {shown(path)}; use another file, or raise the limit if memory allows"
        )
    pixels, metadata = _decoded(_bytes(path, limits))
    if pixels is None or pixels.dtype not in (np.uint8, np.uint16):
        raise UserError(
            f"input: must be a picture of 8 or 16 bits that can be decoded, got {shown(path)}; "
            "convert it to png"
        )
    return _upright(pixels, _orientation(metadata))


def _bytes(path: Path, limits: Limits) -> npt.NDArray[np.uint8]:
    """The whole file. Raises UserError if it is larger than the largest picture, uncompressed."""
    most = 8 * limits.pixels + (1 << 20)  # four channels of 16 bits, and room for metadata
    with opened(path) as file, open(file, "rb", closefd=False) as stream:
        if os.fstat(file).st_size > most:
            raise UserError(
                f"input: must have at most {most} bytes to be a picture of "
                f"source.max_pixels={limits.pixels}, got more in {shown(path)}; use another file"
            )
        return np.frombuffer(stream.read(most), np.uint8)


def _decoded(data: npt.NDArray[np.uint8]) -> tuple[Pixels | None, bytes]:
    """The pixels as they are stored, (H, W) or (H, W, 3 or 4) in BGR, and the EXIF block."""
    try:
        # IMREAD_COLOR would turn the picture upright by itself, but drops the alpha channel
        pixels, kinds, blocks = cv2.imdecodeWithMetadata(data, cv2.IMREAD_UNCHANGED)
    except cv2.error:
        return None, b""
    found = dict(zip(kinds, blocks, strict=False))
    exif = found.get(cv2.IMAGE_METADATA_EXIF)
    return pixels, b"" if exif is None else np.asarray(exif).tobytes()


def _colours(pixels: Pixels) -> Picture:
    """(H, W, 3) uint8 RGB from grey or BGR of 8 or 16 bits, with or without alpha."""
    if pixels.ndim == 2:
        pixels = np.repeat(pixels[..., None], 3, axis=2)
    peak = int(np.iinfo(pixels.dtype).max)
    colours = pixels[..., 2::-1].astype(np.uint64 if peak > 255 else np.uint32)
    if pixels.shape[2] == 4:
        colours = colours * pixels[..., 3:]
        peak *= peak
    return ((colours * 255 + peak // 2) // peak).astype(np.uint8)


def _orientation(exif: bytes) -> int:
    """How the camera was held, 1..8, from an EXIF block; 1 = upright, or the block is broken."""
    order = {b"II": "<", b"MM": ">"}.get(exif[:2])
    if order is None:
        return 1
    try:
        (at,) = struct.unpack_from(order + "I", exif, 4)
        (entries,) = struct.unpack_from(order + "H", exif, at)
        for entry in range(entries):
            tag, _, _, value = struct.unpack_from(order + "HHIH", exif, at + 2 + 12 * entry)
            if tag == ORIENTATION:
                return int(value)
    except struct.error:
        pass  # cut short: a picture that lies on its side is better than none
    return 1


def _upright(pixels: Pixels, orientation: int) -> Pixels:
    """The pixels turned and mirrored as EXIF's orientation asks."""
    if orientation in (5, 6, 7, 8):
        pixels = pixels.swapaxes(0, 1)
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    return pixels
