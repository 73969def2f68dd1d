"""The ffmpeg filters that convert decoded pictures to 8 bit RGB with square pixels."""

from __future__ import annotations

import re
from fractions import Fraction
from typing import Literal

from pipeline.ffmpeg.first_picture import FirstPicture
from pipeline.ffmpeg.probe import StreamInfo

Deinterlace = Literal["auto", "always", "never"]
"""Which pictures to deinterlace: those marked as interlaced, all, or none."""
EXACT = "flags=bicubic+accurate_rnd+full_chroma_int+full_chroma_inp+bitexact"
"""Options of the scale filter.

Without accurate_rnd, 10 bit white becomes 253, and the result differs between CPUs.
"""
HD = 720
"""Smallest height in lines at which an untagged video is taken for BT.709; below, for BT.601."""
MATRICES = {
    "bt709": "bt709",
    "smpte170m": "bt601",
    "bt470bg": "bt601",
    "fcc": "fcc",
    "smpte240m": "smpte240m",
    "bt2020nc": "bt2020",
    "bt2020c": "bt2020",
}
"""Names of matrices: as showinfo prints them -> as the scale filter takes them."""
HDR = ("smpte2084", "arib-std-b67")
"""Transfers that exceed the range of a standard screen: PQ and HLG."""
WHITE = 203
"""Luminance of diffuse white in HDR, in cd/m2 (ITU-R BT.2408); it becomes white in the result."""
STANDARD_TRANSFERS = (
    "bt709",
    "smpte170m",
    "bt2020-10",
    "bt2020-12",
    "iec61966-2-4",
    "bt1361e",
    "unknown",
)
"""Transfers with the same curve from black to white; the result is tagged with the first."""
SUPPORTED_TRANSFERS = ("bt470m", "bt470bg", "smpte240m", "iec61966-2-1")
"""Other transfers that players support: they are kept, and the result is tagged with them."""
SCENE = ("linear", "log100", "log316")
"""Transfers that players do not support, so they are converted to the first of USUAL."""
PRIMARIES = (
    *("bt470m", "bt470bg", "smpte170m", "smpte240m", "film", "bt2020", "smpte428", "smpte431"),
    *("smpte432", "jedec-p22", "ebu3213"),
)
"""Primaries that differ from those of BT.709."""
NO_YUV = re.compile(r"rgb|bgr|gbr|pal8|bayer|xyz|gray|mono|ya(8|16|f)")
"""Pattern of pixel formats that lack luma or chroma; yuv, nv, p0, uyvy, xv ... have both."""
ALPHA = re.compile(r"yuva|gbrap|(^|\d)(rgba|bgra|argb|abgr)|ya(8|16|f)|pal8|ayuv|vuya|uyva")
"""Pattern of pixel formats with transparency."""


def filters(
    facts: StreamInfo,
    *,
    rate: Fraction,
    first: int,
    last: int | None,
    height: int,
    width: int,
    deinterlace: Deinterlace = "auto",
    alpha: bool = False,
) -> str:
    """Return the filter chain from decoded pictures to the frames [first, last) as rgb24.

    rate: frames/s of the result. last: None for all frames to the end. height, width: pixels of the
    result. alpha: return the opacity as grey instead of the colours.
    """
    look = facts.look
    steps = []
    may_be_interlaced = is_yuv(look.pixels) or look.pixels.startswith("gray")
    if deinterlace == "always" or (deinterlace == "auto" and may_be_interlaced):
        # bwdif stops, or reads invalid memory, where the size or format changes within the file.
        # This converts to the first picture's and passes through pictures that already have them.
        steps.append(f"scale={look.width}:{look.height}:{EXACT}")
        # each picture is marked as interlaced or not; those that are not pass through unchanged
        which = "all" if deinterlace == "always" else "interlaced"
        steps.append(f"bwdif=mode=send_frame:deint={which}")
    # on a grid that starts between two frames, neighbours would be rounded to the same one
    steps += ["setpts=PTS-STARTPTS", f"fps={rate}", f"trim=start_frame={first}"]
    if last is not None:
        steps[-1] += f":end_frame={last}"
    steps += [f"scale={width}:{height}:{_colours(look, facts.lines)}{EXACT}", "setsar=1"]
    if alpha:
        steps += ["format=gbrap", "alphaextract"]
    elif look.transfer in HDR:
        steps += _tone_map(look)
    else:
        if _needs_conversion(look):
            steps += _convert_to_bt709(look, facts.lines)
        if has_alpha(look.pixels):
            # at 8 bits, premultiply would turn opaque white into 254
            steps += ["format=gbrap16le", "premultiply=inplace=1"]
    return ",".join([*steps, "format=rgb24"])


def has_alpha(pixels: str) -> bool:
    """Return whether this pixel format has transparency; its pictures are composited over black."""
    return ALPHA.search(pixels) is not None


def is_yuv(pixels: str) -> bool:
    """Return whether this pixel format has luma and chroma."""
    return NO_YUV.search(pixels) is None


def transfer_of(look: FirstPicture) -> str:
    """Return ffmpeg's name of the result's transfer: the picture's own if players support it."""
    usual = (*STANDARD_TRANSFERS, *SCENE, *HDR)
    return (
        STANDARD_TRANSFERS[0]
        if look.transfer in usual or look.transfer not in SUPPORTED_TRANSFERS
        else look.transfer
    )


def _colours(look: FirstPicture, lines: int) -> str:
    """Return the options that give the scale filter the matrix and range of a picture.

    Empty if the picture has no matrix, or if zscale converts it later.
    """
    if not is_yuv(look.pixels) or look.transfer in HDR or _needs_conversion(look):
        return ""
    matrix = MATRICES.get(look.matrix, _default_matrix(lines))
    return f"in_color_matrix={matrix}:in_range={'pc' if look.full else 'tv'}:"


def _default_matrix(lines: int) -> str:
    """Return the matrix of a video without a tag, by its height in lines."""
    return "bt709" if lines >= HD else "bt601"


def _needs_conversion(look: FirstPicture) -> bool:
    """Return whether the primaries or the transfer must be converted."""
    return look.primaries in PRIMARIES or look.transfer in SCENE


def _convert_to_bt709(look: FirstPicture, lines: int) -> list[str]:
    """Return filters that convert to BT.709 primaries in linear light; their output is RGB.

    Colours outside BT.709 are clipped. The transfer is kept if players support it.
    """
    transfer = (
        look.transfer if look.transfer in (*SUPPORTED_TRANSFERS, *SCENE) else STANDARD_TRANSFERS[0]
    )
    primaries = look.primaries if look.primaries in PRIMARIES else "bt709"
    tags = f"tin={transfer}:pin={primaries}:min=gbr:rin=pc"
    if is_yuv(look.pixels):
        usual = {"bt601": "smpte170m"}.get(_default_matrix(lines), "bt709")
        matrix = look.matrix if look.matrix in MATRICES else usual
        tags = f"tin={transfer}:pin={primaries}:min={matrix}:rin={'pc' if look.full else 'tv'}"
    alpha = "a" if has_alpha(look.pixels) else ""
    return [
        f"zscale={tags}:t=linear:f=bicubic",
        f"format=gbr{alpha}pf32le",
        "zscale=p=bt709",
        f"zscale=t={transfer_of(look)}:m=gbr:r=pc",
        f"format=gbr{alpha}p{'16le' if alpha else ''}",
    ]


def _tone_map(look: FirstPicture) -> list[str]:
    """Return filters that convert HDR to BT.709 and compress its highlights.

    The curve is linear up to 0.3 of white, so most of a picture keeps its exact brightness.
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
