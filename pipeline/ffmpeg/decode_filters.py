"""The ffmpeg filters that make 8 bit RGB of square pixels from whatever a decoder gives."""

from __future__ import annotations

import re
from fractions import Fraction
from typing import Literal

from pipeline.ffmpeg.probe import FirstPicture, StreamInfo

Deinterlace = Literal["auto", "always", "never"]
"""Which pictures are deinterlaced: those that are marked as interlaced, all, or none."""
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
USUAL = ("bt709", "smpte170m", "bt2020-10", "bt2020-12", "iec61966-2-4", "bt1361e", "unknown")
"""Transfers of the same curve, from black to white; a result is tagged with the first."""
SHOWN = ("bt470m", "bt470bg", "smpte240m", "iec61966-2-1")
"""Other transfers that players know: they are kept, and the result is tagged with them."""
SCENE = ("linear", "log100", "log316")
"""Transfers that no player shows as they are, so they are converted to the usual one."""
PRIMARIES = (
    *("bt470m", "bt470bg", "smpte170m", "smpte240m", "film", "bt2020", "smpte428", "smpte431"),
    *("smpte432", "jedec-p22", "ebu3213"),
)
"""Primaries that differ from BT.709's."""
NO_YUV = re.compile(r"rgb|bgr|gbr|pal8|bayer|xyz|gray|mono|ya(8|16|f)")
"""Of a pixel format that holds no luma and chroma; yuv, nv, p0, uyvy, xv ... do."""
ALPHA = re.compile(r"yuva|gbrap|(^|\d)(rgba|bgra|argb|abgr)|ya(8|16|f)|pal8|ayuv|vuya|uyva")
"""Of a pixel format that may be transparent."""


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
    """Return the filter chain from decoded pictures to frames [first, last) of height x width,
    rgb24.

    alpha: of pictures that may be transparent, only how far they are not, as grey.
    """
    look = facts.look
    steps = []
    marked = is_yuv(look.pixels) or look.pixels.startswith("gray")
    if deinterlace == "always" or (deinterlace == "auto" and marked):
        # where pictures change size or format on the way bwdif would end, or read stray memory;
        # this gives it the first one's, and hands on untouched what already has them
        steps.append(f"scale={look.width}:{look.height}:{EXACT}")
        # whether a picture is interlaced stands in each; the others pass through unchanged
        which = "all" if deinterlace == "always" else "interlaced"
        steps.append(f"bwdif=mode=send_frame:deint={which}")
    # a grid that starts between two frames would round neighbours to the same one
    steps += ["setpts=PTS-STARTPTS", f"fps={rate}", f"trim=start_frame={first}"]
    if last is not None:
        steps[-1] += f":end_frame={last}"
    steps += [f"scale={width}:{height}:{_colours(look, facts.lines)}{EXACT}", "setsar=1"]
    if alpha:
        steps += ["format=gbrap", "alphaextract"]
    elif look.transfer in HDR:
        steps += _tone_mapped(look)
    else:
        if _is_wide(look):
            steps += _converted(look, facts.lines)
        if has_alpha(look.pixels):
            # in 8 bits premultiply makes 254 of opaque white
            steps += ["format=gbrap16le", "premultiply=inplace=1"]
    return ",".join([*steps, "format=rgb24"])


def has_alpha(pixels: str) -> bool:
    """Return whether pictures of this pixel format may be transparent; they are shown over
    black."""
    return ALPHA.search(pixels) is not None


def is_yuv(pixels: str) -> bool:
    """Return whether this pixel format holds luma and chroma."""
    return NO_YUV.search(pixels) is None


def transfer_of(look: FirstPicture) -> str:
    """Return the transfer of the result, by ffmpeg's name: the picture's, if players know it."""
    usual = (*USUAL, *SCENE, *HDR)
    return USUAL[0] if look.transfer in usual or look.transfer not in SHOWN else look.transfer


def _colours(look: FirstPicture, lines: int) -> str:
    """Return the options that tell the scale filter what the numbers of a picture mean.

    None where the pictures stay as they are until zscale converts them.
    """
    if not is_yuv(look.pixels) or look.transfer in HDR or _is_wide(look):
        return ""
    matrix = MATRICES.get(look.matrix, _untagged(lines))
    return f"in_color_matrix={matrix}:in_range={'pc' if look.full else 'tv'}:"


def _untagged(lines: int) -> str:
    """Return the matrix that is meant where none is tagged."""
    return "bt709" if lines >= HD else "bt601"


def _is_wide(look: FirstPicture) -> bool:
    """Return whether primaries or transfer differ from those of the result."""
    return look.primaries in PRIMARIES or look.transfer in SCENE


def _converted(look: FirstPicture, lines: int) -> list[str]:
    """From other primaries to those of BT.709, in linear light; RGB comes out.

    Colours that BT.709 does not hold are clipped. The transfer is kept where players know it.
    """
    transfer = look.transfer if look.transfer in (*SHOWN, *SCENE) else USUAL[0]
    primaries = look.primaries if look.primaries in PRIMARIES else "bt709"
    tags = f"tin={transfer}:pin={primaries}:min=gbr:rin=pc"
    if is_yuv(look.pixels):
        usual = {"bt601": "smpte170m"}.get(_untagged(lines), "bt709")
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


def _tone_mapped(look: FirstPicture) -> list[str]:
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
