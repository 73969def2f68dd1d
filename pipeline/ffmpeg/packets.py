"""The streams of a file and the time stamps of their packets, as listed by ffmpeg's framecrc.

Nothing is decoded, so this takes only as long as reading the file.
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
"""Output options that list the packets."""
MISSING = 1 << 62
"""Time stamps up to -MISSING mean that there is none: ffmpeg writes -2^63."""
HIDDEN = 4
"""Flag of a packet that an edit list hides: it is decoded but not shown."""


@dataclass
class Stream:
    """One stream: its header fields, and the times of its packets in ticks of its clock."""

    kind: str = ""
    """Type of the stream: video, audio, subtitle ..."""
    codec: str = ""
    """Codec, by ffmpeg's name."""
    clock: Fraction = Fraction(1)
    """Duration of a tick in seconds."""
    height: int = 0
    """Height of the pictures in pixels, as stored."""
    width: int = 0
    """Width of the pictures in pixels, as stored."""
    decoded: array[int] = field(default_factory=lambda: array("q"))
    """Decoding times of the pictures of a video stream, in file order."""
    presented: array[int] = field(default_factory=lambda: array("q"))
    """Presentation times of the pictures of a video stream, in file order."""
    latest: int = -MISSING
    """Latest time of any packet."""
    duration: int = 0
    """Duration of that packet in ticks."""

    @property
    def area(self) -> int:
        """Number of pixels of a picture."""
        return self.height * self.width

    @property
    def pictures(self) -> int:
        """Number of pictures of a video stream, one per packet."""
        return len(self.presented)

    @property
    def seconds(self) -> float:
        """Seconds from the first time to the end of the last packet; 0 for a single picture."""
        if self.pictures < 2:
            return 0.0
        known = [tick for tick in (*self.presented, *self.decoded) if tick > -MISSING]
        return float((self.latest + self.duration - min(known)) * self.clock) if known else 0.0

    @property
    def end(self) -> float:
        """Time in seconds on the file's clock at which the stream ends; 0 if it is empty."""
        return max(0.0, float((self.latest + self.duration) * self.clock))

    def times(self, first: Fraction) -> npt.NDArray[np.float64]:
        """Return the times of the pictures, in seconds since the one at `first` seconds.

        They are ascending and unique, and earlier pictures are left out.
        """
        ticks, base = np.array(self.presented, np.int64), round(first / self.clock)
        if (ticks <= -MISSING).any():  # raw streams and AVI have only decoding times
            ticks = np.array(self.decoded, np.int64)
            ticks = ticks[ticks > -MISSING]
            base = int(ticks.min()) if ticks.size else 0
        seconds = np.unique(ticks[ticks >= base] - base).astype(np.float64)
        return seconds * float(self.clock)


def parse_packets(lines: Iterable[bytes]) -> tuple[list[Stream], list[str]]:
    """Return the streams that the lines list, and the lines of ffmpeg's messages."""
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
    """Set a field of the stream from a header line."""
    if key == "media_type":
        stream.kind = value
    elif key == "codec_id":
        stream.codec = value
    elif key == "tb":
        stream.clock = Fraction(value)
    elif key == "dimensions":
        stream.width, stream.height = (int(number) for number in value.split("x"))


def _packet(stream: Stream, fields: list[bytes], line: bytes) -> None:
    """Add the times of a packet to the stream."""
    flags = re.search(rb", F=0x([0-9A-Fa-f]+)", line)
    if flags and int(flags[1], 16) & HIDDEN:
        return
    decoded, presented, duration = (int(number) for number in fields[:3])
    if stream.kind == "video":
        stream.decoded.append(decoded)
        stream.presented.append(presented)
    if max(decoded, presented) >= stream.latest:
        stream.latest, stream.duration = max(decoded, presented), duration
