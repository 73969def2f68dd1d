"""The first picture of a video stream, from the lines of ffmpeg's showinfo filter."""

from __future__ import annotations

import logging
import re
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import takewhile
from pathlib import Path

from pipeline.errors import UserError, printable
from pipeline.ffmpeg.decoding import lines, unreadable_error
from pipeline.limits import Limits

log = logging.getLogger(__name__)

SHOWINFO_PREFIX = rb"\[Parsed_showinfo_\d+ @ 0x[0-9a-f]+\] "
CONFIG = re.compile(SHOWINFO_PREFIX + rb"config in time_base: (\d+/\d+), frame_rate: (\d+)/(\d+)")
PICTURE = re.compile(
    SHOWINFO_PREFIX + rb"n: *0 pts: *(NOPTS|-?\d+) .* fmt:(\S+) .*sar:(\d+)/(\d+) s:(\d+)x(\d+) "
)
COLOURS = re.compile(
    SHOWINFO_PREFIX + rb"color_range:(\S+) color_space:(\S+) color_primaries:(\S+) color_trc:(\S+)"
)
TILES = re.compile(rb" *Stream group #0:\d+.*: Tile Grid: ")
"""Pattern of a picture whose tiles are separate streams, as in HEIC."""
DOLBY = re.compile(rb" *DOVI configuration record: .* profile: 5,")
"""Pattern of Dolby Vision profile 5, whose colours need metadata of each picture."""
SPHERICAL = re.compile(rb" *Spherical(?: Mapping)?: (.*)", re.IGNORECASE)
UPRIGHT = re.compile(rb"equirectangular *(?:\([-0.]+/[-0.]+/[-0.]+\) *)?$")
"""Pattern of an equirectangular projection without rotation."""
VIEWS = re.compile(rb" *Stereo ?3D: (2D|top and bottom|side by side)(?:,.*)?$", re.IGNORECASE)
LAYOUTS = {b"2D": "mono", b"top and bottom": "top-bottom", b"side by side": "left-right"}
"""ffmpeg's names of stereo layouts -> values of Clip.sphere."""
MAX_PIXEL_ASPECT = 10
"""Largest pixel aspect ratio, either way, that is not taken for an error in the file."""
UNKNOWN_TO_ZIMG = ("smpte428",)
"""Transfers that no filter can convert."""
TRIES = 4
"""Maximum attempts to decode the first picture if some of showinfo's lines are missing: a decoding
thread that runs ahead in a damaged file may print an error in the middle of another's line."""


@dataclass(frozen=True)
class FirstPicture:
    """The first picture that can be decoded."""

    time: Fraction
    """Time stamp in seconds."""
    claimed: Fraction | None
    """Frame rate claimed by the file or by ffmpeg, in frames/s. None: unknown."""
    height: int
    """Height in pixels, upright."""
    width: int
    """Width in pixels, upright."""
    aspect: Fraction
    """Width / height of a pixel, upright."""
    pixels: str
    """Pixel format, by ffmpeg's name."""
    full: bool | None
    """Whether values use the full range. None: untagged."""
    matrix: str
    """Matrix, by ffmpeg's name; "unknown" if untagged."""
    primaries: str
    """Primaries, by ffmpeg's name; "unknown" if untagged."""
    transfer: str
    """Transfer, by ffmpeg's name; "unknown" if untagged."""
    sphere: str
    """Layout of a 360-degree video, as in Clip.sphere."""


def read_first_picture(path: Path, limits: Limits, number: int) -> FirstPicture:
    """Decode the first picture and return what ffmpeg reports of it.

    number: index of the video stream. Raises UserError if no picture can be decoded correctly.
    """
    said, matches = _first_lines(path, limits, number)
    return _first_picture(path, said, *matches)


def read_origin(path: Path, limits: Limits, number: int) -> Fraction:
    """Return the time of the first picture in seconds on the clock that all streams share.

    number: index of the video stream. Raises UserError if no picture can be decoded.
    """
    # without -copyts, the clock starts at 0 and its jumps are corrected
    config, picture, _ = _first_lines(path, limits, number, "-copyts")[1]
    return _time(config, picture)


def _first_lines(
    path: Path, limits: Limits, number: int, *options: str
) -> tuple[list[bytes], list[re.Match[bytes]]]:
    """Return ffmpeg's output on decoding the first picture, and the matches of the patterns in it.

    number: index of the video stream. The patterns are CONFIG, PICTURE and COLOURS, in this order.
    Raises UserError if no picture can be decoded.
    """
    after = ("-map", f"0:V:{number}", "-frames:v", "1", "-vf", "showinfo=checksum=0")
    # no metadata in the output: a title may look like a line of showinfo
    quiet = ("-map_metadata", "-1", "-map_chapters", "-1", "-f", "null", "-")
    forms = (CONFIG, PICTURE, COLOURS)
    for _ in range(TRIES):
        said = list(lines(path, ("-v", "info", *options), (*after, *quiet), limits))
        _check_kind(path, said)
        # the last match wins for the same reason: metadata of the input is printed earlier
        found = [
            next((match for line in reversed(said) if (match := form.match(line))), None)
            for form in forms
        ]
        matches = [match for match in found if match is not None]
        if len(matches) == len(forms):
            return said, matches
        if not matches:
            break
    raise unreadable_error(path, [line.decode("utf-8", "replace") for line in said], limits)


def _time(config: re.Match[bytes], picture: re.Match[bytes]) -> Fraction:
    """Return the time stamp of the first picture in seconds; 0 if it has none."""
    pts = picture[1].decode()
    return Fraction(0) if pts == "NOPTS" else int(pts) * Fraction(config[1].decode())


def _first_picture(
    path: Path,
    said: Sequence[bytes],
    config: re.Match[bytes],
    picture: re.Match[bytes],
    colours: re.Match[bytes],
) -> FirstPicture:
    """Return the first picture from ffmpeg's output. Logs properties that cannot be kept."""
    pixels = picture[2].decode()
    across, down, width, height = (int(number) for number in picture.groups()[2:])
    aspect = _ratio(across, down) or Fraction(1)
    span, matrix, primaries, transfer = (name.decode() for name in colours.groups())
    if transfer in UNKNOWN_TO_ZIMG:
        log.warning(
            "%s: its transfer function, %s, is not supported, so BT.709 is assumed; "
            "for correct colours convert the file first",
            printable(path),
            transfer,
        )
    return FirstPicture(
        time=_time(config, picture),
        claimed=_ratio(config[2], config[3]),
        height=height,
        width=width,
        aspect=aspect
        if Fraction(1, MAX_PIXEL_ASPECT) <= aspect <= MAX_PIXEL_ASPECT
        else Fraction(1),
        pixels=pixels,
        full={"pc": True, "tv": False}.get(span),
        matrix=matrix,
        primaries=primaries,
        transfer=transfer,
        sphere=_sphere(path, said),
    )


def _check_kind(path: Path, said: Sequence[bytes]) -> None:
    """Raise UserError for files whose decoded pictures differ from those that a player shows."""
    if any(map(DOLBY.match, said)):
        raise UserError(
            "input: must have colours that can be decoded, got Dolby Vision profile 5 in "
            f"{printable(path)}; export it as HDR10, HLG or SDR"
        )
    if any(map(TILES.match, said)):
        raise UserError(
            "input: must be a video, or a picture that is not stored in tiles, got a tiled "
            f"picture, {printable(path)}; convert it to .png or .jpg"
        )


def _sphere(path: Path, said: Sequence[bytes]) -> str:
    """Return the layout of a 360-degree video; empty for others. Logs unsupported projections."""
    inputs = list(takewhile(lambda line: b"Output #" not in line, said))
    found = next(filter(None, map(SPHERICAL.match, inputs)), None)
    if found is None:
        return ""
    if not UPRIGHT.match(found[1]):
        log.warning(
            "%s: its 360-degree projection is not supported, so the result gets no 360-degree "
            "metadata; add it with another program",
            printable(path),
        )
        return ""
    views = next(filter(None, map(VIEWS.match, inputs)), None)
    return "mono" if views is None else LAYOUTS[views[1]]


def _ratio(above: bytes | int, below: bytes | int) -> Fraction | None:
    """Return above / below, or None if either is 0, as ffmpeg writes an unknown ratio."""
    return Fraction(int(above), int(below)) if int(above) and int(below) else None
