"""Colours as numbers: patches side by side, coded by hand as the recommendations say."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

PATCHES = np.array(
    [
        *([0, 0, 0], [255, 255, 255], [128, 128, 128], [255, 0, 0], [0, 255, 0], [0, 0, 255]),
        *([200, 120, 40], [30, 90, 180], [240, 220, 200], [12, 60, 20]),
    ],
    np.float64,
)
LUMA = {"bt709": (0.2126, 0.0722), "smpte170m": (0.299, 0.114), "bt2020nc": (0.2627, 0.0593)}
SIDE = 32


def planes(
    rgb: Floats,
    *,
    matrix: str,
    full: bool,
    bits: int,
    height: int,
    chroma_of: tuple[int, int] = (2, 2),
) -> list[Any]:
    """Planes of patches side by side; rgb: (N, 3) in [0, 1], coded by ITU-R BT.601/709/2020.

    The offsets and spans are those of the recommendations: 16..235 and 16..240 of 8 bits.
    chroma_of: rows and columns that share one sample of colour, (2, 2) is 4:2:0.
    """
    red, blue = LUMA[matrix]
    luma = rgb @ np.array([red, 1 - red - blue, blue])
    chroma = [(rgb[:, 2] - luma) / (2 - 2 * blue), (rgb[:, 0] - luma) / (2 - 2 * red)]
    scale, peak = 1 << (bits - 8), (1 << bits) - 1
    bottom, span, wide = (0, peak, peak) if full else (16 * scale, 219 * scale, 224 * scale)
    values = [bottom + span * luma, *((peak + 1) / 2 + wide * c for c in chroma)]
    kind = np.uint8 if bits == 8 else np.dtype("<u2")
    shares = ((1, 1), chroma_of, chroma_of)
    return [
        np.repeat(np.clip(v.round(), 0, peak).astype(kind)[None], height // down, 0).repeat(
            SIDE // across, 1
        )
        for v, (down, across) in zip(values, shares, strict=True)
    ]


def perceptual_quantizer(light: Floats) -> Floats:
    """The signal for that light in units of 10,000 cd/m2 (SMPTE ST 2084)."""
    power = light**0.1593017578125
    signal: Floats = ((0.8359375 + 18.8515625 * power) / (1 + 18.6875 * power)) ** 78.84375
    return signal


def hybrid_log_gamma(light: Floats) -> Floats:
    """The signal for that light of a screen of 1,000 cd/m2 (ITU-R BT.2100, gamma 1.2)."""
    luma = light @ np.array([0.2627, 0.6780, 0.0593])
    scene = light / np.maximum(luma, 1e-9)[:, None] ** (0.2 / 1.2)
    upper = 0.17883277 * np.log(np.maximum(12 * scene - 0.28466892, 1e-9)) + 0.55991073
    return np.where(scene <= 1 / 12, np.sqrt(3 * scene), upper)


TO_2020 = np.array([[0.6274, 0.3293, 0.0433], [0.0691, 0.9195, 0.0114], [0.0164, 0.0880, 0.8956]])
"""Linear BT.709 to BT.2020 (ITU-R BT.2087)."""


def screen(light: Floats) -> Floats:
    """The 8 bit number that makes a usual screen (BT.1886) give that share of its white."""
    shown: Floats = 255 * light ** (1 / 2.4)
    return shown
