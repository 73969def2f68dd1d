"""Writing of a single picture, for files that are no result of an encoder."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from pipeline.frame import Picture
from pipeline.storage.atomic import atomic_write


def write_png(path: Path, picture: Picture) -> None:
    """Write a picture, (H, W, 3) RGB of 8 or 16 bits, atomically. Raises OSError."""
    _, content = cv2.imencode(".png", np.ascontiguousarray(picture[..., ::-1]))
    with atomic_write(path) as temporary:
        temporary.write_bytes(content.tobytes())
