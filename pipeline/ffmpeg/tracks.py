"""Sound and subtitles of the input as ffmpeg's options: which are copied, which encoded, where cut.

They belong to input 1 of a run with -copyts whose clock was set to zero at the render's frame 0.
"""

from __future__ import annotations

import logging
import re
from enum import Enum, auto
from functools import cache

from pipeline.errors import printable
from pipeline.ffmpeg.container import TEXT, Container
from pipeline.ffmpeg.process import output
from pipeline.frame import Tracks

log = logging.getLogger(__name__)

# Sound of a whole file begins up to this much before its first picture: what a decoder needs to
# warm up, and throws away. Longer than any codec's, in seconds.
WARM_UP = 0.1


class AudioTrack(Enum):
    """What becomes of sound, in the order in which it is tried."""

    COPIED = auto()
    """It is copied where the container can hold it, and encoded otherwise."""
    ENCODED = auto()
    NONE = auto()
    """It is left out, and so are subtitles."""


def track_options(tracks: Tracks, container: Container, sound: AudioTrack) -> list[str]:
    """Return options that keep each track of the file which the container can hold, in their order.

    A track that cannot be held, or that no decoder knows, is logged.
    """
    if sound is AudioTrack.NONE:
        return []
    options: list[str] = []
    count = 0
    for index, codec in enumerate(tracks.audio):
        if codec in ("none", "unknown"):
            _left_out(tracks, "sound", index, codec)
            continue
        fits = container.audio is None or codec in container.audio
        copied = sound is AudioTrack.COPIED and fits
        if not copied and codec not in _decoders():
            _left_out(tracks, "sound", index, codec)
            continue
        options += ["-map", f"1:a:{index}"]
        options += _copied(tracks, count) if copied else _encoded(tracks, container, count)
        count += 1
    count = 0
    for index, codec in enumerate(tracks.subtitles):
        if codec in container.subtitles:
            target = "copy"
        elif codec in TEXT and container.text is not None:
            target = container.text
        else:
            _left_out(tracks, "subtitles", index, codec)
            continue
        options += ["-map", f"1:s:{index}", f"-c:s:{count}", target]
        options += [f"-bsf:s:{count}", _cut_words(tracks)]
        count += 1
    return options


def warn_of_dropped_tracks(tracks: Tracks) -> None:
    """Log that no track is kept."""
    kinds = [("sound", tracks.audio), ("subtitles", tracks.subtitles)]
    named = " and ".join(f"{kind} ({printable(', '.join(held))})" for kind, held in kinds if held)
    log.warning(
        "%s: %s can be neither copied nor encoded, so the result has none",
        printable(tracks.path),
        named,
    )


@cache
def _decoders() -> frozenset[str]:
    """Return ffmpeg's names of the codecs that it can decode."""
    return frozenset(re.findall(r"^ D\S{5} (\S+)", output(["-codecs"]), re.MULTILINE))


def _left_out(tracks: Tracks, kind: str, index: int, codec: str) -> None:
    name = printable(tracks.path)
    log.warning("%s: %s %d (%s) have no place in the output", name, kind, index, printable(codec))


def _copied(tracks: Tracks, index: int) -> list[str]:
    """Return options that copy a sound track, without the packets that begin outside the render.

    Packets before zero would make ffmpeg move the picture in .mkv, and hide in .mp4 as sound that
    is stored but not played. What is lost is less than a packet, 20 to 100 ms.
    """
    first = 0.0 if tracks.offset > 0 else -WARM_UP
    outside = f"lt(pts*tb,{first})"
    if tracks.seconds is not None:
        outside += f"+gte(pts*tb,{tracks.seconds:.6f})"
    return [f"-c:a:{index}", "copy", f"-bsf:a:{index}", f"noise=drop='{outside}'"]


def _encoded(tracks: Tracks, container: Container, index: int) -> list[str]:
    """Return options that encode a sound track, cut to the sample; gaps become silence."""
    cut = "atrim=start=0"
    if tracks.seconds is not None:
        cut += f":end={tracks.seconds:.6f}"
    filters = [cut, "aresample=async=1:first_pts=0"]
    if container.layouts is not None:
        filters.append(f"aformat=channel_layouts={container.layouts}")
    return [f"-c:a:{index}", *container.sound, f"-filter:a:{index}", ",".join(filters)]


def _cut_words(tracks: Tracks) -> str:
    """Bitstream filters that drop subtitles outside the render and clip those across its ends."""
    outside, end = "lte(pts+duration,0)", "PTS+DURATION"
    if tracks.seconds is not None:
        outside += f"+gte(pts*tb,{tracks.seconds:.6f})"
        end = f"min({end},{tracks.seconds:.6f}/TB)"
    start = "max(PTS,0)"
    return f"noise=drop='{outside}',setts=pts='{start}':dts='{start}':duration='{end}-{start}'"
