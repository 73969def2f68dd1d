"""One picture file: upright RGB from png, jpeg, bmp, tiff, webp, ppm or jp2."""

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
from pipeline.image_io.tiff import (
    EXTRA_SAMPLES,
    ICC_PROFILE,
    MULTIPLIED,
    STRAIGHT,
    Directory,
    directory,
)
from pipeline.limits import Limits
from pipeline.storage.input_file import open_input

log = logging.getLogger(__name__)

ORIENTATION = 0x0112
"""The EXIF tag that tells how the camera was held, 1..8."""

Pixels = npt.NDArray[Any]


@dataclass(frozen=True, eq=False)
class ImageFile:
    """The content of a picture file, upright."""

    colours: Picture
    """(H, W, 3) uint8 or uint16 RGB."""
    alpha: Picture | None
    """(H, W) of the same type, None = all is opaque."""
    profile: bytes
    """ICC, what the colours mean; empty = as on a usual screen."""


def read(path: Path, limits: Limits) -> Picture:
    """Return the picture in the file: (H, W, 3) uint8 sRGB, upright, over black where transparent.

    Raises UserError if it is none, or larger than the limits, which is found out undecoded.
    """
    contents = load(path, limits)
    colours, alpha = contents.colours, contents.alpha
    if contents.profile:
        colours = to_srgb(to_uint8(colours), contents.profile, path)
        alpha = None if alpha is None else to_uint8(alpha)
    return to_uint8(colours if alpha is None else composite_over_grey(colours, alpha, 0))


def load(path: Path, limits: Limits) -> ImageFile:
    """Return all that the file holds of its picture. Raises UserError as `read` does."""
    area = picture_area(path, limits)
    if not 0 < area <= limits.pixels:
        raise UserError(
            "input: must be a picture that can be read, of at most "
            f"limits.pixels={limits.pixels} pixels, got {printable(path)}; use another file, or "
            "raise the limit if memory allows"
        )
    data = _bytes(path, limits)
    tags = directory(data)
    if tags.following:
        log.warning("%s: only the first of its pages is used", printable(path))
    pixels, exif, profile = _decoded(_as_they_stand(data, tags))
    if (
        pixels is None
        or pixels.dtype not in (np.uint8, np.uint16)
        or pixels.shape[2:] not in ((), (1,), (3,), (4,))
    ):
        raise UserError(
            f"input: must be a picture of 8 or 16 bits that can be decoded, got {printable(path)}; "
            "convert it to png"
        )
    pixels = _upright(pixels, directory(exif).number(ORIENTATION) or 1)
    grey = pixels.ndim == 2 or pixels.shape[2] == 1
    colours = np.repeat(np.atleast_3d(pixels), 3, axis=2) if grey else pixels[..., 2::-1]
    alpha = None if grey or pixels.shape[2] == 3 else np.ascontiguousarray(pixels[..., 3])
    if alpha is not None and tags.number(EXTRA_SAMPLES) == MULTIPLIED:
        colours = _divided(colours, alpha)
    profile = profile or tags.content(ICC_PROFILE)
    return ImageFile(np.ascontiguousarray(colours), alpha, profile if _is_rgb(profile) else b"")


def _bytes(path: Path, limits: Limits) -> bytes:
    """Return the whole file. Raises UserError if it is larger than the largest picture,
    uncompressed.
    """
    most = 8 * limits.pixels + (1 << 20)  # four channels of 16 bits, and room for metadata
    with open_input(path) as file, open(file, "rb", closefd=False) as stream:
        if os.fstat(file).st_size > most:
            raise UserError(
                f"input: must have at most {most} bytes to be a picture of "
                f"limits.pixels={limits.pixels}, got more in {printable(path)}; use another file"
            )
        return stream.read(most)


def _as_they_stand(data: bytes, tags: Directory) -> bytes:
    """Return the file such that OpenCV gives its colours as they stand in it.

    It would multiply a TIFF's of 8 bits with their alpha, which cannot be undone.
    """
    if tags.number(EXTRA_SAMPLES) != STRAIGHT:
        return data
    _, _, at = tags.fields[EXTRA_SAMPLES]
    return data[:at] + struct.pack(tags.order + "H", MULTIPLIED) + data[at + 2 :]


def _divided(colours: Pixels, alpha: Pixels) -> Pixels:
    """Return the colours, (H, W, 3), that were multiplied with their alpha, (H, W), without it."""
    share = np.maximum(alpha, 1)[..., None].astype(np.uint32)
    peak = np.uint32(np.iinfo(colours.dtype).max)
    divided: Pixels = np.minimum((colours * peak + share // 2) // share, peak)
    return divided.astype(colours.dtype)


def _decoded(data: bytes) -> tuple[Pixels | None, bytes, bytes]:
    """Return the pixels as they are stored, (H, W) or (H, W, 3 or 4) in BGR, EXIF block, ICC
    profile.
    """
    level = cv2_logging.setLogLevel(cv2_logging.LOG_LEVEL_SILENT)  # damage is said in our words
    try:
        # IMREAD_COLOR would turn the picture upright by itself, but drops the alpha channel
        pixels, kinds, blocks = cv2.imdecodeWithMetadata(
            np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED
        )
    except cv2.error:
        return None, b"", b""
    finally:
        cv2_logging.setLogLevel(level)
    found = {kind: np.asarray(block).tobytes() for kind, block in zip(kinds, blocks, strict=False)}
    return (
        pixels,
        found.get(cv2.IMAGE_METADATA_EXIF, b""),
        found.get(cv2.IMAGE_METADATA_ICCP, b""),
    )


def _is_rgb(profile: bytes) -> bool:
    """Return whether it is an ICC profile (ICC.1:2022, 7.2) of RGB: that of grey or CMYK fits no
    RGB.
    """
    whole = len(profile) >= 132 and int.from_bytes(profile[:4]) == len(profile)
    return whole and profile[16:20] == b"RGB " and profile[36:40] == b"acsp"


def _upright(pixels: Pixels, orientation: int) -> Pixels:
    """Return the pixels turned and mirrored as EXIF's orientation asks."""
    if orientation in (5, 6, 7, 8):
        pixels = pixels.swapaxes(0, 1)
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    return pixels
