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
from pipeline.ffmpeg.decoding import PICTURES, lines, too_large_error, unreadable_error
from pipeline.ffmpeg.first_picture import FirstPicture, read_first_picture, read_origin
from pipeline.ffmpeg.frame_rate import FrameRate, cadence
from pipeline.ffmpeg.packets import LISTING, Stream, parse_packets
from pipeline.limits import Limits

log = logging.getLogger(__name__)

STREAM = re.compile(rb" *Stream #0:\d+.*: Video: ")
SHORT = 2
"""Ratio of the end of the audio to the end of the video above which a warning is logged."""


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
        raise too_large_error(path, f"{stream.width}x{stream.height}", limits)
    sound = max((other.end for other in streams if other.kind == "audio"), default=0.0)
    if sound > SHORT * stream.end:
        log.warning(
            "%s: the pictures (%d) end at %.3g s, the sound at %.3g s",
            printable(path),
            stream.pictures,
            stream.end,
            sound,
        )
    look = read_first_picture(path, limits, number)
    origin = read_origin(path, limits, number)
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
        origin=origin,
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
    raise unreadable_error(path, complaints, limits)
