"""The streams of a file and the time stamps of their packets, as ffmpeg's framecrc lists them.

Nothing is decoded, so a feature film takes as long as its file takes to be read.
"""

from __future__ import annotations

import re
from array import array
from collections.abc import Iterable
from dataclasses import dataclass, field
from fractions import Fraction

import numpy as np
import numpy.typing as npt

LISTING = ("-c", "copy", "-f", "framecrc", "-")
"""Output options that list packets."""
MISSING = 1 << 62
"""No time stamp is as early as -MISSING: ffmpeg writes -2^63 where there is none."""
HIDDEN = 4
"""Flag of a packet that an edit list hides: decoded, never shown."""


@dataclass
class Stream:
    """One stream: its head, then the times of its packets in ticks of its clock."""

    kind: str = ""
    """Video, audio or subtitle."""
    codec: str = ""
    """By ffmpeg's name."""
    clock: Fraction = Fraction(1)
    """Seconds a tick."""
    height: int = 0
    """Pixels, as stored."""
    width: int = 0
    """Pixels, as stored."""
    decoded: array[int] = field(default_factory=lambda: array("q"))
    """Times at which pictures are decoded, in the order of the file."""
    presented: array[int] = field(default_factory=lambda: array("q"))
    """Times at which pictures are shown, in the order of the file."""
    latest: int = -MISSING
    """The last time of a packet."""
    duration: int = 0
    """How long what that packet holds lasts."""

    @property
    def area(self) -> int:
        """Pixels of a picture."""
        return self.height * self.width

    @property
    def pictures(self) -> int:
        """Packets, each of a picture."""
        return len(self.presented)

    @property
    def seconds(self) -> float:
        """From the first time to the end of what is shown last; 0 of a single picture."""
        if self.pictures < 2:
            return 0.0
        known = [tick for tick in (*self.presented, *self.decoded) if tick > -MISSING]
        return float((self.latest + self.duration - min(known)) * self.clock) if known else 0.0

    @property
    def end(self) -> float:
        """Seconds on the clock of the file at which it ends; 0 if it holds nothing."""
        return max(0.0, float((self.latest + self.duration) * self.clock))

    def times(self, first: Fraction) -> npt.NDArray[np.float64]:
        """Return seconds since the picture at `first` seconds, ascending, each once, none before
        it.
        """
        ticks, base = np.array(self.presented, np.int64), round(first / self.clock)
        if (ticks <= -MISSING).any():  # raw streams and avi tell only when to decode
            ticks = np.array(self.decoded, np.int64)
            ticks = ticks[ticks > -MISSING]
            base = int(ticks.min()) if ticks.size else 0
        seconds = np.unique(ticks[ticks >= base] - base).astype(np.float64)
        return seconds * float(self.clock)


def parse_packets(lines: Iterable[bytes]) -> tuple[list[Stream], list[str]]:
    """Return the streams that these lines describe, and the lines that belong to none:
    complaints."""
    streams: dict[int, Stream] = {}
    others = []
    for line in lines:
        if head := re.fullmatch(rb"#(\w+) (\d+): *(.*)", line):
            stream = streams.setdefault(int(head[2]), Stream())
            _head(stream, head[1].decode(), head[3].decode("utf-8", "replace"))
        elif packet := re.match(rb"(\d+),((?: *-?\d+,){4})", line):
            _packet(streams[int(packet[1])], packet[2].split(b","), line)
        elif not line.startswith(b"#"):
            others.append(line.decode("utf-8", "replace"))
    return list(streams.values()), others


def _head(stream: Stream, key: str, value: str) -> None:
    """Puts what a head line says into the stream."""
    if key == "media_type":
        stream.kind = value
    elif key == "codec_id":
        stream.codec = value
    elif key == "tb":
        stream.clock = Fraction(value)
    elif key == "dimensions":
        stream.width, stream.height = (int(number) for number in value.split("x"))


def _packet(stream: Stream, fields: list[bytes], line: bytes) -> None:
    """Puts a packet's times into the stream."""
    flags = re.search(rb", F=0x([0-9A-Fa-f]+)", line)
    if flags and int(flags[1], 16) & HIDDEN:
        return
    decoded, presented, duration = (int(number) for number in fields[:3])
    if stream.kind == "video":
        stream.decoded.append(decoded)
        stream.presented.append(presented)
    if max(decoded, presented) >= stream.latest:
        stream.latest, stream.duration = max(decoded, presented), duration
