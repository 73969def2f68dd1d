"""Conversion of pictures with an embedded ICC profile to sRGB."""

from __future__ import annotations

import io
import logging
from pathlib import Path

import numpy as np
from PIL import Image, ImageCms

from pipeline.errors import printable
from pipeline.frame import Picture

log = logging.getLogger(__name__)


def to_srgb(picture: Picture, profile: bytes, path: Path) -> Picture:
    """Return the picture, (H, W, 3) uint8 RGB, with its colours converted to sRGB.

    profile: ICC profile of the picture. path: file of the picture, for the log. Colours outside of
    sRGB are clipped. If the profile cannot be used, this is logged and the picture is returned
    unchanged.
    """
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        converted = ImageCms.profileToProfile(
            Image.fromarray(picture),
            source,
            ImageCms.createProfile("sRGB"),
            renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
        )
    except (ImageCms.PyCMSError, OSError, ValueError) as error:
        log.warning(
            "%s: its colour profile cannot be used, so sRGB is assumed (%s)",
            printable(path),
            error,
        )
        return picture
    assert converted is not None
    return np.asarray(converted, np.uint8)
