"""Reading of picture files (png, jpeg, bmp, tiff, webp, ppm, jp2) as upright RGB."""

from __future__ import annotations

import logging
import os
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from cv2.utils import logging as cv2_logging

from pipeline.errors import UserError, printable
from pipeline.ffmpeg.probe import picture_area
from pipeline.frame import Picture, composite_over_grey, to_uint8
from pipeline.image_io.icc import to_srgb
from pipeline.image_io.suffixes import SUFFIXES
from pipeline.image_io.tiff import (
    EXTRA_SAMPLES,
    ICC_PROFILE,
    MULTIPLIED,
    STRAIGHT,
    Directory,
    directory,
)
from pipeline.limits import Limits
from pipeline.storage.input_file import open_binary

log = logging.getLogger(__name__)

ORIENTATION = 0x0112
"""EXIF tag of the orientation of the stored pixels, 1..8."""

Pixels = npt.NDArray[Any]


@dataclass(frozen=True, eq=False)
class ImageFile:
    """The content of a picture file, upright."""

    colours: Picture
    """(H, W, 3) uint8 or uint16 RGB."""
    alpha: Picture | None
    """(H, W) of the same type. None: the file has no alpha channel."""
    profile: bytes
    """ICC profile of the colours. Empty: sRGB."""


def read(path: Path, limits: Limits) -> Picture:
    """Return the picture in the file: (H, W, 3) uint8 sRGB, upright, over black where transparent.

    Raises UserError if it cannot be decoded or exceeds the limits; the size is checked before
    decoding.
    """
    contents = load(path, limits)
    colours, alpha = contents.colours, contents.alpha
    if contents.profile:
        colours = to_srgb(to_uint8(colours), contents.profile, path)
        alpha = None if alpha is None else to_uint8(alpha)
    return to_uint8(colours if alpha is None else composite_over_grey(colours, alpha, 0))


def load(path: Path, limits: Limits) -> ImageFile:
    """Return the content of the file at its bit depth. Raises UserError as `read` does."""
    area = picture_area(path, limits)
    if not 0 < area <= limits.pixels:
        if path.suffix.lower() not in SUFFIXES:
            known = ", ".join(SUFFIXES)
            raise UserError(
                f"input: must be one of {known}, got {printable(path)}; convert it to .png"
            )
        raise UserError(
            "input: must be a picture that can be read, with at most "
            f"limits.pixels={limits.pixels} pixels, got {printable(path)}; use another file, or "
            "increase limits.pixels if memory allows"
        )
    data = _read_bytes(path, limits)
    tags = directory(data)
    if tags.following:
        log.warning("%s: only the first page is used", printable(path))
    pixels, exif, profile = _decode(_declare_premultiplied(data, tags))
    if (
        pixels is None
        or pixels.dtype not in (np.uint8, np.uint16)
        or pixels.shape[2:] not in ((), (1,), (3,), (4,))
    ):
        raise UserError(
            "input: must be a picture with 8 or 16 bits per channel that can be read, got "
            f"{printable(path)}; convert it to .png"
        )
    pixels = _apply_orientation(pixels, directory(exif).number(ORIENTATION) or 1)
    grey = pixels.ndim == 2 or pixels.shape[2] == 1
    colours = np.repeat(np.atleast_3d(pixels), 3, axis=2) if grey else pixels[..., 2::-1]
    alpha = None if grey or pixels.shape[2] == 3 else np.ascontiguousarray(pixels[..., 3])
    if alpha is not None and tags.number(EXTRA_SAMPLES) == MULTIPLIED:
        colours = _unpremultiply(colours, alpha)
    profile = profile or tags.content(ICC_PROFILE)
    return ImageFile(np.ascontiguousarray(colours), alpha, profile if _is_rgb(profile) else b"")


def _read_bytes(path: Path, limits: Limits) -> bytes:
    """Return the content of the file.

    Raises UserError if it is larger than the largest allowed picture would be uncompressed.
    """
    max_bytes = 8 * limits.pixels + (1 << 20)  # four channels of 16 bits, and metadata
    with open_binary(path) as file:
        if os.fstat(file.fileno()).st_size > max_bytes:
            raise UserError(
                f"input: must have at most {max_bytes} bytes, the maximum for a picture of "
                f"limits.pixels={limits.pixels}, got more in {printable(path)}; use another file, "
                "or increase limits.pixels if memory allows"
            )
        return file.read(max_bytes)


def _declare_premultiplied(data: bytes, tags: Directory) -> bytes:
    """Return the file with its alpha declared premultiplied, so that OpenCV keeps the colours.

    OpenCV multiplies the colours of an 8-bit TIFF by straight alpha, which cannot be undone.
    """
    if tags.number(EXTRA_SAMPLES) != STRAIGHT:
        return data
    _, _, offset = tags.fields[EXTRA_SAMPLES]
    return data[:offset] + struct.pack(tags.order + "H", MULTIPLIED) + data[offset + 2 :]


def _unpremultiply(colours: Pixels, alpha: Pixels) -> Pixels:
    """Return premultiplied colours, (H, W, 3), divided by their alpha, (H, W)."""
    divisor = np.maximum(alpha, 1)[..., None].astype(np.uint32)
    peak = np.uint32(np.iinfo(colours.dtype).max)
    straight: Pixels = np.minimum((colours * peak + divisor // 2) // divisor, peak)
    return straight.astype(colours.dtype)


def _decode(data: bytes) -> tuple[Pixels | None, bytes, bytes]:
    """Return the stored pixels, the EXIF block and the ICC profile.

    Pixels are (H, W), or (H, W, 3 or 4) in BGR order; None if they cannot be decoded.
    """
    level = cv2_logging.setLogLevel(cv2_logging.LOG_LEVEL_SILENT)  # `load` reports damage itself
    try:
        # IMREAD_COLOR would turn the picture upright, but drops the alpha channel
        pixels, kinds, blocks = cv2.imdecodeWithMetadata(
            np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED
        )
    except cv2.error:
        return None, b"", b""
    finally:
        cv2_logging.setLogLevel(level)
    metadata = {
        kind: np.asarray(block).tobytes() for kind, block in zip(kinds, blocks, strict=False)
    }
    return (
        pixels,
        metadata.get(cv2.IMAGE_METADATA_EXIF, b""),
        metadata.get(cv2.IMAGE_METADATA_ICCP, b""),
    )


def _is_rgb(profile: bytes) -> bool:
    """Return whether this is an ICC profile for RGB (ICC.1:2022, 7.2), not for grey or CMYK."""
    is_complete = len(profile) >= 132 and int.from_bytes(profile[:4]) == len(profile)
    return is_complete and profile[16:20] == b"RGB " and profile[36:40] == b"acsp"


def _apply_orientation(pixels: Pixels, orientation: int) -> Pixels:
    """Return the pixels rotated and mirrored according to the EXIF orientation, 1..8."""
    if orientation in (5, 6, 7, 8):
        pixels = pixels.swapaxes(0, 1)
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    return pixels
