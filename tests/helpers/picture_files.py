"""Picture files with known contents."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt


def save(path: Path, picture: npt.NDArray[Any], *metadata: bytes) -> Path:
    """The file with this picture, RGB or RGBA, and these EXIF blocks."""
    order = [2, 1, 0, 3][: picture.shape[2]]
    blocks = [np.frombuffer(block, np.uint8) for block in metadata]
    kinds = [cv2.IMAGE_METADATA_EXIF] * len(blocks)
    pixels = np.ascontiguousarray(picture[..., order])
    path.write_bytes(cv2.imencodeWithMetadata(path.suffix, pixels, kinds, blocks)[1].tobytes())
    return path


def exif(orientation: int, order: str = "<") -> bytes:
    """An EXIF block that holds the orientation alone."""
    mark = b"II*\0" if order == "<" else b"MM\0*"
    entry = struct.pack(order + "HHIHH", 0x0112, 3, 1, orientation, 0)
    return mark + struct.pack(order + "IH", 8, 1) + entry + bytes(4)
