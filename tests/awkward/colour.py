"""Colours: whatever the numbers of a file stand for, the RGB that comes out is the one meant."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from helpers.clips import FFV1, write
from helpers.patches import (
    PATCHES,
    SIDE,
    TO_2020,
    Floats,
    hybrid_log_gamma,
    perceptual_quantizer,
    planes,
    screen,
)

from awkward.case import Case, Right

HEIGHT = 48
WIDE = SIDE * len(PATCHES)
GREYS = np.array([[0.0] * 3, [64.0] * 3, [128.0] * 3, [200.0] * 3, [255.0] * 3])
DIM = np.array([[0.0] * 3, [0.05] * 3, [0.18] * 3, [0.3] * 3])
"""Light, in shares of white, below what is compressed."""
USUAL: dict[str, Any] = {"matrix": "bt709", "full": False, "bits": 8}
YUV = {(2, 2): "yuv420p", (1, 2): "yuv422p", (1, 1): "yuv444p"}
SAME_AS = {
    "bt709": "bt709",
    "smpte170m": "smpte170m",
    "bt470bg": "smpte170m",
    "bt2020nc": "bt2020nc",
}


def coded(rgb: Floats, tags: str, *, height: int = HEIGHT, **coding: Any) -> Callable[[Path], Any]:
    """Makes a file of patches in numbers that were computed here, stored without loss."""
    coding = {**USUAL, "chroma_of": (2, 2), **coding}
    pixels = YUV[coding["chroma_of"]] + ("" if coding["bits"] == 8 else f"{coding['bits']}le")
    # without this option ffv1 is handed a limited range whatever the tags say
    span = ("-color_range", "pc" if coding["full"] else "tv") if tags != "null" else ()

    def make(path: Path) -> Path:
        raw = planes(rgb, height=height, **coding)
        size = (height, SIDE * len(rgb))
        return write(path, raw, *FFV1, "-vf", tags, *span, pixels=pixels, size=size)

    return make


def stored(*options: str, colours: Floats = PATCHES) -> Callable[[Path], Path]:
    """Makes a file of patches that ffmpeg converts from RGB to what the codec takes."""
    rows = np.repeat(colours.astype(np.uint8)[None], HEIGHT, 0).repeat(SIDE, 1)
    return lambda path: write(path, [rows], *options)


def clear(*options: str) -> Callable[[Path], Path]:
    """Makes a file of patches whose second half is transparent."""
    rows = np.repeat(PATCHES.astype(np.uint8)[None], HEIGHT, 0).repeat(SIDE, 1)
    alpha = np.full((HEIGHT, WIDE, 1), 255, np.uint8)
    alpha[:, WIDE // 2 :] = 0
    return lambda path: write(path, [np.dstack([rows, alpha])], *options, pixels="rgba")


def one(colours: Floats = PATCHES, off: float = 2, height: int = HEIGHT) -> Right:
    """The single frame with these colours."""
    size = SIDE * len(colours), height
    return Right(None, size=size, frames=(1, 1), colours=colours, off=off)


def tagged(matrix: str, *, full: bool = False, bits: int = 8) -> Case:
    tags = f"setparams=colorspace={matrix}:range={'pc' if full else 'tv'}"
    coding = {"matrix": SAME_AS[matrix], "full": full, "bits": bits}
    name = f"{matrix}, {'full' if full else 'limited'} range, {bits} bits"
    # test_source_filters.py asks the source itself for all of them
    usual = bits == 8 and not full
    return Case(name, coded(PATCHES / 255, tags, **coding), one(), slow=not usual)


def hdr(transfer: str, signal: Floats) -> Case:
    tags = f"setparams=range=tv:color_primaries=bt2020:color_trc={transfer}:colorspace=bt2020nc"
    coding = {"matrix": "bt2020nc", "bits": 10}
    return Case(f"HDR by {transfer}", coded(signal, tags, **coding), one(screen(DIM)))


PALETTE = "split[a][b];[a]palettegen[p];[b][p]paletteuse=dither=none"
HALF = np.where(np.arange(len(PATCHES))[:, None] < len(PATCHES) // 2, PATCHES, 0)
LIMITED = "setparams=colorspace=bt709:range=tv"

CASES = [
    *(tagged(matrix, full=full) for matrix in SAME_AS for full in (False, True)),
    *(tagged(matrix, bits=10) for matrix in ("bt709", "bt2020nc")),
    tagged("bt709", full=True, bits=10),
    *(
        Case(f"colours of {name}", coded(PATCHES / 255, LIMITED, chroma_of=share), one())
        for share, name in YUV.items()
    ),
    Case("colours of yuv444p10le", coded(PATCHES / 255, LIMITED, chroma_of=(1, 1), bits=10), one()),
    Case("no tags, few lines", coded(PATCHES / 255, "null", matrix="smpte170m"), one()),
    Case("no tags, many lines", coded(PATCHES / 255, "null", height=720), one(height=720)),
    hdr("smpte2084", perceptual_quantizer(DIM @ TO_2020.T * 203 / 10000)),
    hdr("arib-std-b67", hybrid_log_gamma(DIM @ TO_2020.T * 203 / 1000)),
    *(
        Case(f"ffv1 of {pixels}", stored(*FFV1, "-pix_fmt", pixels), one(off=off), slow=off == 1)
        for pixels, off in (("bgr0", 0), ("gbrp", 0), ("gbrp10le", 1), ("gbrp16le", 1), ("bgra", 0))
    ),
    *(
        Case(f"greys of {pixels}", stored(*FFV1, "-pix_fmt", pixels, colours=GREYS), one(GREYS, 1))
        for pixels in ("gray", "gray10le", "gray16le")
    ),
    # whose codec rounds more than the conversion
    Case("jpeg pictures", stored("-c:v", "mjpeg", "-q:v", "2"), one(off=6), "in.avi"),
    *(
        Case(f"{codec}'s palette", stored("-vf", PALETTE, "-c:v", codec), one(off=1), file)
        for codec, file in (("gif", "in.gif"), ("png", "in.mov"))
    ),
    Case(
        "raw pictures in avi",
        stored("-c:v", "rawvideo", "-pix_fmt", "bgr24"),
        one(off=0),
        "in.avi",
    ),
    Case("run lengths", stored("-c:v", "qtrle", "-pix_fmt", "rgb24"), one(off=0), "in.mov"),
    Case("png that is clear", clear("-c:v", "png", "-pix_fmt", "rgba"), one(HALF, 0), "in.mov"),
    Case(
        "prores that is clear",
        clear("-c:v", "prores_ks", "-pix_fmt", "yuva444p10le"),
        one(HALF, 3),
        "in.mov",
    ),
]
