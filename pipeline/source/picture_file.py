"""One picture file: upright RGB from png, jpeg, bmp, tiff, webp, ppm or jp2."""

from __future__ import annotations

import os
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from cv2.utils import logging

from pipeline.errors import UserError, shown
from pipeline.frame import Picture, in_8_bits, over
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


@dataclass(frozen=True, eq=False)
class Contents:
    """What a picture file holds, upright.

    colours: (H, W, 3) uint8 or uint16 RGB. alpha: (H, W) of the same type, None = all is opaque.
    profile: ICC, what the colours mean; empty = as on a usual screen.
    """

    colours: Picture
    alpha: Picture | None
    profile: bytes


def read(path: Path, limits: Limits) -> Picture:
    """The picture in the file: (H, W, 3) uint8 RGB, upright, what is transparent over black.

    Raises UserError if it is none, or larger than the limits, which is found out undecoded.
    """
    contents = load(path, limits)
    colours, alpha = contents.colours, contents.alpha
    return in_8_bits(colours if alpha is None else over(colours, alpha, 0))


def load(path: Path, limits: Limits) -> Contents:
    """All that the file holds of its picture. Raises UserError as `read` does."""
    area = picture_area(path, limits)
    if not 0 < area <= limits.pixels:
        raise UserError(
            f"input: must be a picture that can be read, of at most source.max_pixels={limits.pixels} pixels, "
            f"got {shown(path)}; use another file, or raise the limit if memory allows"
        )
    pixels, metadata = _decoded(_bytes(path, limits))
    if (
        pixels is None
        or pixels.dtype not in (np.uint8, np.uint16)
        or pixels.shape[2:] not in ((), (1,), (3,), (4,))
    ):
        raise UserError(
            f"input: must be a picture of 8 or 16 bits that can be decoded, got {shown(path)}; "
            "convert it to png"
        )
    pixels = _upright(pixels, _orientation(metadata.get(cv2.IMAGE_METADATA_EXIF, b"")))
    grey = pixels.ndim == 2 or pixels.shape[2] == 1
    colours = np.repeat(np.atleast_3d(pixels), 3, axis=2) if grey else pixels[..., 2::-1]
    alpha = None if grey or pixels.shape[2] == 3 else np.ascontiguousarray(pixels[..., 3])
    profile = metadata.get(cv2.IMAGE_METADATA_ICCP, b"")
    return Contents(np.ascontiguousarray(colours), alpha, profile if _is_rgb(profile) else b"")


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


def _decoded(data: npt.NDArray[np.uint8]) -> tuple[Pixels | None, dict[int, bytes]]:
    """The pixels as they are stored, (H, W) or (H, W, 3 or 4) in BGR, and OpenCV's metadata."""
    level = logging.setLogLevel(logging.LOG_LEVEL_SILENT)  # damage is said in our words
    try:
        # IMREAD_COLOR would turn the picture upright by itself, but drops the alpha channel
        pixels, kinds, blocks = cv2.imdecodeWithMetadata(data, cv2.IMREAD_UNCHANGED)
    except cv2.error:
        return None, {}
    finally:
        logging.setLogLevel(level)
    found = {kind: np.asarray(block).tobytes() for kind, block in zip(kinds, blocks, strict=False)}
    return pixels, found


def _is_rgb(profile: bytes) -> bool:
    """Whether it is an ICC profile (ICC.1:2022, 7.2) of RGB: that of grey or CMYK fits no RGB."""
    whole = len(profile) >= 132 and int.from_bytes(profile[:4]) == len(profile)
    return whole and profile[16:20] == b"RGB " and profile[36:40] == b"acsp"


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
