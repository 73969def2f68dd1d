"""Properties of a video file, from ffmpeg's machine-readable output.

What the packets or the first decoded picture show takes precedence over the header.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import takewhile
from pathlib import Path

from pipeline.errors import UserError, printable
from pipeline.ffmpeg.decoding import PICTURES, lines, memory_limit_error
from pipeline.ffmpeg.frame_rate import FrameRate, cadence
from pipeline.ffmpeg.packets import LISTING, Stream, parse_packets
from pipeline.ffmpeg.process import is_memory_error
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
STREAM = re.compile(rb" *Stream #0:\d+.*: Video: ")
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
REFUSED = re.compile(r"Picture size (\d+)x(\d+) is invalid")
"""Pattern of ffmpeg's message about a header with more pixels than -max_pixels, or with none."""
MAX_PIXEL_ASPECT = 10
"""Largest pixel aspect ratio, either way, that is not taken for an error in the file."""
UNKNOWN_TO_ZIMG = ("smpte428",)
"""Transfers that no filter can convert."""
SHORT = 2
"""Ratio of the end of the audio to the end of the video above which a warning is logged."""
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


@dataclass(frozen=True)
class StreamInfo:
    """Properties of a file and of the video stream in it that a player shows."""

    stream: int
    """Index of the stream among the video streams other than cover art."""
    lines: int
    """Height of its pictures in pixels, as stored."""
    look: FirstPicture
    """The first picture."""
    cadence: FrameRate
    """Frame rate and number of frames."""
    origin: Fraction
    """Time of the first decoded picture in seconds on the clock that audio and subtitles share."""
    audio: tuple[str, ...]
    """Codec of each audio stream, in the file's order."""
    subtitles: tuple[str, ...]
    """Codec of each subtitle stream, in the file's order."""


def probe(path: Path, limits: Limits) -> StreamInfo:
    """Return the properties of the file. Reads all packets and decodes the first picture.

    Raises UserError if no picture can be decoded correctly, or if the pictures are too large.
    """
    streams = _streams(path, limits)
    videos = [stream for stream in streams if stream.kind == "video"]
    number = _select_stream(videos, _defaults(path, limits) if len(videos) > 1 else [])
    stream = videos[number]
    if stream.area > limits.pixels:
        raise _too_large(path, f"{stream.width}x{stream.height}", limits)
    sound = max((other.end for other in streams if other.kind == "audio"), default=0.0)
    if sound > SHORT * stream.end:
        log.warning(
            "%s: the pictures (%d) end at %.3g s, the sound at %.3g s",
            printable(path),
            stream.pictures,
            stream.end,
            sound,
        )
    said, matches = _first_lines(path, limits, number)
    look = _first_picture(path, said, *matches)
    config, picture, _ = _first_lines(path, limits, number, "-copyts")[1]
    clock = float(stream.clock)
    return StreamInfo(
        stream=number,
        lines=stream.height,
        look=look,
        cadence=cadence(
            stream.times(look.time),
            last=stream.duration * clock,
            tick=clock,
            claimed=look.claimed,
        ),
        # from the run with -copyts: without it, the clock starts at 0 and its jumps are corrected
        origin=_time(config, picture),
        audio=tuple(stream.codec for stream in streams if stream.kind == "audio"),
        subtitles=tuple(stream.codec for stream in streams if stream.kind == "subtitle"),
    )


def _select_stream(videos: Sequence[Stream], defaults: Sequence[bool]) -> int:
    """Return the index of the stream that a player shows.

    Streams of few pictures are thumbnails, or single pictures in addition to a video. Of the
    others, one that the file marks as default takes precedence, then the largest.
    """
    maximum = max(stream.pictures for stream in videos)
    longest = max(stream.seconds for stream in videos)

    def rank(number: int) -> tuple[bool, bool, int]:
        stream = videos[number]
        complete = 2 * stream.pictures >= maximum and 2 * stream.seconds >= longest
        return complete, number < len(defaults) and defaults[number], stream.area

    return max(range(len(videos)), key=rank)


def _defaults(path: Path, limits: Limits) -> list[bool]:
    """Return, for each video stream other than cover art, whether the file marks it as default."""
    nothing = ("-map", "0:V", "-c", "copy", "-t", "0", "-f", "null", "-")
    said = lines(path, ("-v", "info"), nothing, limits)
    streams = [
        line
        for line in takewhile(lambda line: b"Output #" not in line, said)
        if STREAM.match(line) and b"(attached pic)" not in line
    ]
    return [b"(default)" in line for line in streams]


def picture_area(path: Path, limits: Limits) -> int:
    """Return the pixels of a single picture without decoding it; 0 if too many or not a picture."""
    streams, _ = parse_packets(lines(path, (), ("-map", "0:v?", *LISTING), limits, PICTURES))
    return max((stream.area for stream in streams), default=0)


def _streams(path: Path, limits: Limits) -> list[Stream]:
    """Return all streams except data and cover art. Raises UserError if there is no video."""
    wanted = ("-map", "0:V?", "-map", "0:a?", "-map", "0:s?")
    streams, complaints = parse_packets(lines(path, (), (*wanted, *LISTING), limits))
    if any(stream.kind == "video" for stream in streams):
        return streams
    if streams:
        raise UserError(
            f"input: must contain video, got only sound or subtitles in {printable(path)}; "
            "use another file"
        )
    raise _unreadable(path, complaints, limits)


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
    raise _unreadable(path, [line.decode("utf-8", "replace") for line in said], limits)


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


def _too_large(path: Path, size: str, limits: Limits) -> UserError:
    """Return the error for pictures with more pixels than the limit."""
    return UserError(
        f"input: must have at most limits.pixels={limits.pixels} pixels per picture, got "
        f"{size} in {printable(path)}; increase limits.pixels if memory allows"
    )


def _unreadable(path: Path, said: list[str], limits: Limits) -> UserError:
    """Return the error for a file that cannot be decoded, with the first reason from ffmpeg."""
    for size in filter(None, map(REFUSED.search, said)):
        if int(size[1]) * int(size[2]) > limits.pixels:
            return _too_large(path, f"{size[1]}x{size[2]}", limits)
    if is_memory_error(said):
        return memory_limit_error(path, limits)
    if any("not on whitelist" in line for line in said):
        return UserError(
            f"input: must be a video or picture, got another format in {printable(path)}; convert "
            "it, or set audio=FILE if it is a sound file, with another input"
        )
    reasons = [printable(re.sub(r"^\[[^\]]*\] *", "", line)) for line in said]
    reason = next(
        (r for r in reasons if re.search("rror|not |nvalid|exceed|fail", r)), "no picture"
    )
    return UserError(
        f"input: must be a video that ffmpeg can decode, got {printable(path)} ({reason[:120]}); "
        "convert the file, or use an undamaged copy"
    )
