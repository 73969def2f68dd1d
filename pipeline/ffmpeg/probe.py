"""Facts about a video file, asked of ffmpeg in its machine-readable formats.

Nothing is believed of a header that the packets or the first decoded picture can tell.
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

SAID = rb"\[Parsed_showinfo_\d+ @ 0x[0-9a-f]+\] "
CONFIG = re.compile(SAID + rb"config in time_base: (\d+/\d+), frame_rate: (\d+)/(\d+)")
PICTURE = re.compile(
    SAID + rb"n: *0 pts: *(NOPTS|-?\d+) .* fmt:(\S+) .*sar:(\d+)/(\d+) s:(\d+)x(\d+) "
)
COLOURS = re.compile(
    SAID + rb"color_range:(\S+) color_space:(\S+) color_primaries:(\S+) color_trc:(\S+)"
)
STREAM = re.compile(rb" *Stream #0:\d+.*: Video: ")
TILES = re.compile(rb" *Stream group #0:\d+.*: Tile Grid: ")
"""A picture in tiles, of which each is a stream: of HEIC."""
DOLBY = re.compile(rb" *DOVI configuration record: .* profile: 5,")
"""Pictures in colours that only metadata for each of them tells."""
ROUND = re.compile(rb" *Spherical(?: Mapping)?: (.*)", re.IGNORECASE)
UPRIGHT = re.compile(rb"equirectangular *(?:\([-0.]+/[-0.]+/[-0.]+\) *)?$")
"""The usual 360-degree video, not turned."""
VIEWS = re.compile(rb" *Stereo ?3D: (2D|top and bottom|side by side)(?:,.*)?$", re.IGNORECASE)
LAYOUTS = {b"2D": "mono", b"top and bottom": "top-bottom", b"side by side": "left-right"}
"""What ffmpeg calls the layouts of Clip.sphere."""
REFUSED = re.compile(r"Picture size (\d+)x(\d+) is invalid")
"""What ffmpeg says of a header that asks for more pixels than it was told to allow, or for none."""
OBLONG = 10
"""Pixels longer or higher than this many times are a slip in the file, not a lens."""


UNKNOWN_TO_ZIMG = ("smpte428",)
"""Transfers that no filter converts."""
SHORT = 2
"""Times as long as the pictures sound may last before that is reported."""
TRIES = 4
"""How often the first picture is decoded, if some of its lines are missing: of a damaged file a
decoder that runs ahead may complain in the middle of a line of another thread."""


@dataclass(frozen=True)
class FirstPicture:
    """The first picture that can be decoded."""

    time: Fraction
    """Seconds."""
    claimed: Fraction | None
    """Frames/s that the file or ffmpeg calls its rate."""
    height: int
    """Pixels, upright."""
    width: int
    """Pixels, upright."""
    aspect: Fraction
    """Width of an upright pixel in heights."""
    pixels: str
    """Their format, by ffmpeg's name."""
    full: bool | None
    """Whether values have the full range, None = untagged."""
    matrix: str
    """By ffmpeg's name, unknown = untagged."""
    primaries: str
    """By ffmpeg's name, unknown = untagged."""
    transfer: str
    """By ffmpeg's name, unknown = untagged."""
    sphere: str
    """Layout of a 360-degree video, as of Clip."""


@dataclass(frozen=True)
class StreamInfo:
    """Facts about the video stream that a player shows, before it is decoded."""

    stream: int
    """Its number among those that are no cover art."""
    lines: int
    """Height in pixels, as stored."""
    look: FirstPicture
    """The first picture."""
    cadence: FrameRate
    """When the pictures are shown."""
    origin: Fraction
    """The file's own clock, which sound and subtitles share, in seconds at the first decoded
    picture."""
    audio: tuple[str, ...]
    """Codec of each audio stream, in the file's order."""
    subtitles: tuple[str, ...]
    """Codec of each subtitle stream, in the file's order."""


def probe(path: Path, limits: Limits) -> StreamInfo:
    """Return the facts of the file. Reads all packets, decodes one picture.

    Raises UserError if it holds no picture that can be decoded, or one that is too large.
    """
    streams = _streams(path, limits)
    videos = [stream for stream in streams if stream.kind == "video"]
    number = _shown(videos, _defaults(path, limits) if len(videos) > 1 else [])
    stream = videos[number]
    if stream.area > limits.pixels:
        raise _too_large(path, f"{stream.width}x{stream.height}", limits)
    sound = max((other.end for other in streams if other.kind == "audio"), default=0.0)
    if sound > SHORT * stream.end:
        log.warning(
            "%s: its pictures (%d) end at %.3g s, its sound at %.3g s",
            printable(path),
            stream.pictures,
            stream.end,
            sound,
        )
    said, matches = _first_lines(path, limits, number)
    look = _look(path, said, *matches)
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
        # asked again: without -copyts the clock starts at 0, and jumps in it are fixed
        origin=_time(config, picture),
        audio=tuple(stream.codec for stream in streams if stream.kind == "audio"),
        subtitles=tuple(stream.codec for stream in streams if stream.kind == "subtitle"),
    )


def _shown(videos: Sequence[Stream], defaults: Sequence[bool]) -> int:
    """Return the number of the stream that a player shows.

    Streams of few pictures are thumbnails, or single pictures beside a moving one. Of the others,
    one that the file calls its default comes first, then the largest.
    """
    most = max(stream.pictures for stream in videos)
    longest = max(stream.seconds for stream in videos)

    def rank(number: int) -> tuple[bool, bool, int]:
        stream = videos[number]
        whole = 2 * stream.pictures >= most and 2 * stream.seconds >= longest
        return whole, number < len(defaults) and defaults[number], stream.area

    return max(range(len(videos)), key=rank)


def _defaults(path: Path, limits: Limits) -> list[bool]:
    """Return of each video stream that is no cover art whether the file calls it its default."""
    nothing = ("-map", "0:V", "-c", "copy", "-t", "0", "-f", "null", "-")
    said = lines(path, ("-v", "info"), nothing, limits)
    streams = [
        line
        for line in takewhile(lambda line: b"Output #" not in line, said)
        if STREAM.match(line) and b"(attached pic)" not in line
    ]
    return [b"(default)" in line for line in streams]


def picture_area(path: Path, limits: Limits) -> int:
    """Return pixels of the single picture in the file, not decoded; 0 = too many, or no picture."""
    streams, _ = parse_packets(lines(path, (), ("-map", "0:v?", *LISTING), limits, PICTURES))
    return max((stream.area for stream in streams), default=0)


def _streams(path: Path, limits: Limits) -> list[Stream]:
    """Return every stream of the file but data and cover art, a moving picture among them."""
    wanted = ("-map", "0:V?", "-map", "0:a?", "-map", "0:s?")
    streams, complaints = parse_packets(lines(path, (), (*wanted, *LISTING), limits))
    if any(stream.kind == "video" for stream in streams):
        return streams
    if streams:
        raise UserError(
            f"input: must have a moving picture, got only sound or text in {printable(path)}; "
            "use another file"
        )
    raise _unreadable(path, complaints, limits)


def _first_lines(
    path: Path, limits: Limits, number: int, *options: str
) -> tuple[list[bytes], list[re.Match[bytes]]]:
    """Return what ffmpeg says when it decodes the first picture of the video stream of that number,
    and the matches of CONFIG, PICTURE and COLOURS in it. Raises UserError if there is none.
    """
    after = ("-map", f"0:V:{number}", "-frames:v", "1", "-vf", "showinfo=checksum=0")
    # no metadata on the way out: a title may look like a line of showinfo
    quiet = ("-map_metadata", "-1", "-map_chapters", "-1", "-f", "null", "-")
    forms = (CONFIG, PICTURE, COLOURS)
    for _ in range(TRIES):
        said = list(lines(path, ("-v", "info", *options), (*after, *quiet), limits))
        _check_kind(path, said)
        # the latest wins, for the same reason: metadata of the input is printed before
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
    """Return the seconds at which the first picture is shown."""
    pts = picture[1].decode()
    return Fraction(0) if pts == "NOPTS" else int(pts) * Fraction(config[1].decode())


def _look(
    path: Path,
    said: Sequence[bytes],
    config: re.Match[bytes],
    picture: re.Match[bytes],
    colours: re.Match[bytes],
) -> FirstPicture:
    """Return the first picture from what ffmpeg said of it; what is not kept of it is logged."""
    pixels = picture[2].decode()
    across, down, width, height = (int(number) for number in picture.groups()[2:])
    aspect = _ratio(across, down) or Fraction(1)
    span, matrix, primaries, transfer = (name.decode() for name in colours.groups())
    if transfer in UNKNOWN_TO_ZIMG:
        log.warning(
            "%s: its transfer, %s, cannot be converted, so it is taken for BT.709's; "
            "convert the file first",
            printable(path),
            transfer,
        )
    return FirstPicture(
        time=_time(config, picture),
        claimed=_ratio(config[2], config[3]),
        height=height,
        width=width,
        aspect=aspect if Fraction(1, OBLONG) <= aspect <= OBLONG else Fraction(1),
        pixels=pixels,
        full={"pc": True, "tv": False}.get(span),
        matrix=matrix,
        primaries=primaries,
        transfer=transfer,
        sphere=_sphere(path, said),
    )


def _check_kind(path: Path, said: Sequence[bytes]) -> None:
    """Check that decoded pictures are those that a player shows. Raises UserError."""
    if any(map(DOLBY.match, said)):
        raise UserError(
            "input: must hold pictures whose colours can be decoded, got Dolby Vision profile 5 in "
            f"{printable(path)}; export it as HDR10, HLG or SDR"
        )
    if any(map(TILES.match, said)):
        raise UserError(
            f"input: must be a video, or a picture in one piece, got a picture in tiles, "
            f"{printable(path)}; save it as .png or .jpg"
        )


def _sphere(path: Path, said: Sequence[bytes]) -> str:
    """Return the layout of a 360-degree video, empty = it is none; other projections are logged."""
    inputs = list(takewhile(lambda line: b"Output #" not in line, said))
    found = next(filter(None, map(ROUND.match, inputs)), None)
    if found is None:
        return ""
    if not UPRIGHT.match(found[1]):
        log.warning(
            "%s: the tags of its 360-degree projection are not kept; set them in the result",
            printable(path),
        )
        return ""
    views = next(filter(None, map(VIEWS.match, inputs)), None)
    return "mono" if views is None else LAYOUTS[views[1]]


def _ratio(above: bytes | int, below: bytes | int) -> Fraction | None:
    """Return the one over the other, None if either is 0: that is how ffmpeg writes unknown."""
    return Fraction(int(above), int(below)) if int(above) and int(below) else None


def _too_large(path: Path, size: str, limits: Limits) -> UserError:
    """Return the error for pictures of that size."""
    return UserError(
        f"input: must have at most limits.pixels={limits.pixels} pixels a picture, got "
        f"{size} in {printable(path)}; raise the limit if memory allows"
    )


def _unreadable(path: Path, said: list[str], limits: Limits) -> UserError:
    """Return the error for a file in which nothing can be decoded, with ffmpeg's first reason."""
    for size in filter(None, map(REFUSED.search, said)):
        if int(size[1]) * int(size[2]) > limits.pixels:
            return _too_large(path, f"{size[1]}x{size[2]}", limits)
    if is_memory_error(said):
        return memory_limit_error(path, limits)
    reasons = [printable(re.sub(r"^\[[^\]]*\] *", "", line)) for line in said]
    reason = next(
        (r for r in reasons if re.search("rror|not |nvalid|exceed|fail", r)), "no picture"
    )
    return UserError(
        f"input: must be a video that ffmpeg can decode, got {printable(path)} ({reason[:120]}); "
        "convert it, or copy it again from its origin"
    )
