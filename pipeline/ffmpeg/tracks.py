"""ffmpeg options that copy or encode the audio and subtitles of the input and cut them to length.

The options are for input 1 of a run with -copyts whose clock is zero at frame 0 of the render.
"""

from __future__ import annotations

import logging
import math
import re
from collections.abc import Sequence
from enum import Enum, auto
from functools import cache

from pipeline.errors import printable
from pipeline.ffmpeg.container import TEXT, Container
from pipeline.ffmpeg.process import output
from pipeline.frame import Tracks

log = logging.getLogger(__name__)

WARM_UP = 0.1
"""Maximum time in seconds by which the audio of a file starts before its first picture: samples
that a decoder needs for warm-up and discards. No codec needs more."""


class AudioTrack(Enum):
    """Ways to keep the audio."""

    COPIED = auto()
    """Copy the audio if players of the container play its codec, and encode it otherwise."""
    ENCODED = auto()
    """Encode all audio."""
    STORED = auto()
    """Copy the audio if the container can store its codec, and encode it otherwise."""
    NONE = auto()
    """Leave out audio and subtitles."""

    @staticmethod
    def ways(tracks: Tracks | None) -> Sequence[AudioTrack]:
        """Return the ways to keep the audio of these tracks, in the order of preference."""
        if tracks is not None and tracks.copied:
            return AudioTrack.STORED, AudioTrack.ENCODED, AudioTrack.NONE
        return tuple(AudioTrack)


def track_options(tracks: Tracks, container: Container, sound: AudioTrack) -> list[str]:
    """Return options that keep, in order, all tracks of the file that the container supports.

    A track that can be neither copied nor converted is left out and logged.
    """
    if sound is AudioTrack.NONE:
        return []
    options: list[str] = []
    count = 0
    for index, codec in enumerate(tracks.audio):
        if codec in ("none", "unknown"):
            _log_dropped_track(tracks, "sound", index, codec)
            continue
        copied = tracks.tempo == 1 and _fits(codec, container, sound)
        if not copied and codec not in _decoders():
            _log_dropped_track(tracks, "sound", index, codec)
            continue
        options += ["-map", f"1:a:{index}"]
        options += _copy(tracks, count) if copied else _encode(tracks, container, count)
        count += 1
    count = 0
    for index, codec in enumerate(tracks.subtitles if tracks.tempo == 1 else ()):
        if codec in container.subtitles:
            target = "copy"
        elif codec in TEXT and container.text is not None:
            target = container.text
        else:
            _log_dropped_track(tracks, "subtitle", index, codec)
            continue
        options += ["-map", f"1:s:{index}", f"-c:s:{count}", target]
        options += [f"-bsf:s:{count}", _cut_subtitles(tracks)]
        count += 1
    return options


def _fits(codec: str, container: Container, sound: AudioTrack) -> bool:
    """Return whether a track in this codec is copied into the container."""
    if sound is AudioTrack.ENCODED:
        return False
    codecs = container.audio
    if sound is AudioTrack.COPIED and container.played is not None:
        codecs = container.played
    return codecs is None or codec in codecs


def warn_of_dropped_tracks(tracks: Tracks) -> None:
    """Log that audio and subtitles are left out."""
    kinds = [("sound", tracks.audio), ("subtitles", tracks.subtitles)]
    named = " and ".join(
        f"{kind} ({printable(', '.join(codecs))})" for kind, codecs in kinds if codecs
    )
    log.warning(
        "%s: %s can be neither copied nor encoded, so the result has none",
        printable(tracks.path),
        named,
    )


@cache
def _decoders() -> frozenset[str]:
    """Return the names of the codecs that ffmpeg can decode."""
    return frozenset(re.findall(r"^ D\S{5} (\S+)", output(["-codecs"]), re.MULTILINE))


def _log_dropped_track(tracks: Tracks, kind: str, index: int, codec: str) -> None:
    name = printable(tracks.path)
    log.warning(
        "%s: %s track %d (%s) is omitted, because the output does not support it",
        name,
        kind,
        index,
        printable(codec),
    )


def _copy(tracks: Tracks, index: int) -> list[str]:
    """Return options that copy an audio track without packets that start outside the render.

    Packets before time zero would make ffmpeg shift the picture in .mkv, and would be stored but
    not played in .mp4. Less than one packet is lost, 20 to 100 ms.
    """
    first = 0.0 if tracks.offset > 0 else -WARM_UP
    outside = f"lt(pts*tb,{first})"
    if tracks.seconds is not None:
        outside += f"+gte(pts*tb,{tracks.seconds:.6f})"
    return [f"-c:a:{index}", "copy", f"-bsf:a:{index}", f"noise=drop='{outside}'"]


def _encode(tracks: Tracks, container: Container, index: int) -> list[str]:
    """Return options that encode an audio track, cut to the sample, with silence in gaps."""
    cut = "atrim=start=0"
    if tracks.seconds is not None:
        cut += f":end={tracks.seconds:.6f}"
    filters = [cut, "aresample=async=1:first_pts=0", *tempo_filters(tracks)]
    if container.layouts is not None:
        filters.append(f"aformat=channel_layouts={container.layouts}")
    return [f"-c:a:{index}", *container.sound, f"-filter:a:{index}", ",".join(filters)]


def tempo_filters(tracks: Tracks) -> list[str]:
    """Return ffmpeg's filters that speed audio up by the tempo of the tracks at the same pitch."""
    tempo = tracks.tempo
    if tempo == 1:
        return []
    if "rubberband" in _filters():
        filters = [f"rubberband=tempo={tempo:.9f}"]
    else:
        # one atempo takes a tempo from 0.5
        count = max(1, math.ceil(math.log(tempo, 0.5))) if tempo < 0.5 else 1
        filters = [f"atempo={tempo ** (1 / count):.9f}"] * count
    if tracks.seconds is not None:  # both lose some of the end
        filters.append(f"apad=whole_dur={tracks.seconds / tempo:.6f}")
    return filters


@cache
def _filters() -> frozenset[str]:
    """Return the names of ffmpeg's filters."""
    return frozenset(re.findall(r"^ \S{2,3} (\S+) ", output(["-filters"]), re.MULTILINE))


def _cut_subtitles(tracks: Tracks) -> str:
    """Return bitstream filters that drop subtitles outside the render and cut those at its ends."""
    outside, end = "lte(pts+duration,0)", "PTS+DURATION"
    if tracks.seconds is not None:
        outside += f"+gte(pts*tb,{tracks.seconds:.6f})"
        end = f"min({end},{tracks.seconds:.6f}/TB)"
    start = "max(PTS,0)"
    return f"noise=drop='{outside}',setts=pts='{start}':dts='{start}':duration='{end}-{start}'"
