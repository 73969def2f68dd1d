"""The ffmpeg filters that make 8 bit RGB of square pixels from whatever a decoder gives."""

from __future__ import annotations

import re
from fractions import Fraction

from pipeline.source.probe import Facts, Look

EXACT = "flags=bicubic+accurate_rnd+full_chroma_int+full_chroma_inp+bitexact"
"""Without accurate_rnd 10 bit white is 253, and other CPUs give other pictures."""
HD = 720
"""Lines from which an untagged video is taken for BT.709, and for BT.601 below."""
MATRICES = {
    "bt709": "bt709",
    "smpte170m": "bt601",
    "bt470bg": "bt601",
    "fcc": "fcc",
    "smpte240m": "smpte240m",
    "bt2020nc": "bt2020",
    "bt2020c": "bt2020",
}
"""What the scale filter calls a matrix, by what showinfo calls it."""
HDR = ("smpte2084", "arib-std-b67")
"""Transfers that reach beyond what a usual screen shows: PQ and HLG."""
WHITE = 203
"""cd/m2 of a white page in HDR (ITU-R BT.2408), which becomes the white of the result."""


def filters(
    facts: Facts,
    *,
    rate: Fraction,
    first: int,
    last: int | None,
    height: int,
    width: int,
    alpha: bool = False,
) -> str:
    """The filter chain from decoded pictures to frames [first, last) of height x width, rgb24.

    alpha: of pictures that may be transparent, only how far they are not, as grey.
    """
    look = facts.look
    steps = []
    if re.match(r"(yuvj?4\d\dp|gray)", look.pixels):
        # where pictures change size or format on the way bwdif would end, or read stray memory;
        # this gives it the first one's, and hands on untouched what already has them
        steps.append(f"scale={look.width}:{look.height}:{EXACT}")
        # always: whether a picture is interlaced stands in it; the others pass through unchanged
        steps.append("bwdif=mode=send_frame:deint=interlaced")
    # a grid that starts between two frames would round neighbours to the same one
    steps += ["setpts=PTS-STARTPTS", f"fps={rate}", f"trim=start_frame={first}"]
    if last is not None:
        steps[-1] += f":end_frame={last}"
    steps += [f"scale={width}:{height}:{_colours(look, facts.lines)}{EXACT}", "setsar=1"]
    if alpha:
        steps += ["format=gbrap", "alphaextract"]
    elif look.transfer in HDR:
        steps += _tone_mapped(look)
    elif has_alpha(look.pixels):
        # in 8 bits premultiply makes 254 of opaque white
        steps += ["format=gbrap16le", "premultiply=inplace=1"]
    return ",".join([*steps, "format=rgb24"])


def has_alpha(pixels: str) -> bool:
    """Whether pictures of this pixel format may be transparent; they are shown over black."""
    return re.match(r"(yuva|gbrap|rgba|bgra|argb|abgr|ya8|ya16|pal8)", pixels) is not None


def _colours(look: Look, lines: int) -> str:
    """The options that tell the scale filter what the numbers of a picture mean."""
    if not look.pixels.startswith("yuv") or look.transfer in HDR:
        return ""
    untagged = "bt709" if lines >= HD else "bt601"
    matrix = MATRICES.get(look.matrix, untagged)
    return f"in_color_matrix={matrix}:in_range={'pc' if look.full else 'tv'}:"


def _tone_mapped(look: Look) -> list[str]:
    """From HDR to the colours and the gamma of a usual screen, highlights compressed.

    The curve is straight up to 0.3 of white, so most of a picture keeps its exact brightness.
    """
    matrix = "2020_ncl" if look.matrix in ("unknown", "bt2020nc") else look.matrix
    primaries = "2020" if look.primaries in ("unknown", "bt2020") else look.primaries
    tags = f"tin={look.transfer}:min={matrix}:pin={primaries}:rin={'pc' if look.full else 'tv'}"
    return [
        f"zscale={tags}:t=linear:npl={WHITE}",
        "format=gbrpf32le",
        "zscale=p=bt709",
        "tonemap=mobius:desat=0",
        "zscale=t=bt709:m=gbr:r=pc",
        "format=gbrp",
    ]
