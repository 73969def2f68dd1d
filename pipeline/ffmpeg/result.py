"""What came of a run of ffmpeg: how it ended, and how many pictures are in its file."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from pipeline.errors import UserError, printable
from pipeline.ffmpeg.process import Process, running
from pipeline.storage.atomic import disk_full_error

log = logging.getLogger(__name__)

# ffmpeg ends with the error's number modulo 256: 28 is a full disk, 122 a used up quota.
FULL_DISK = (-28 % 256, -122 % 256)
FULL_DISK_LINE = re.compile("No space left on device|Disk quota exceeded")
# The AV1 encoder greets on stderr whatever it is told; "Svt[error]" is left in.
GREETING = re.compile(r"Svt\[(info|warn)\]|Using MS style video codec tag")
ADDRESS = re.compile(r"(\[[^\]]* @ 0x[0-9a-f]+\] )+")


class KilledError(UserError):
    """ffmpeg was killed by a signal. The pictures it was given must be encoded again."""


class StoppedError(UserError):
    """ffmpeg ended early. lines: what it said, cleared of addresses."""

    def __init__(self, message: str, lines: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.lines = tuple(lines)


def complaints(process: Process) -> list[str]:
    """Return the lines that an ended ffmpeg wrote on stderr, without addresses and greetings."""
    lines = (ADDRESS.sub("", line) for line in process.complaints())
    return [line for line in lines if not GREETING.match(line)]


def check_exit(process: Process, path: Path) -> list[str]:
    """Return what ffmpeg said, once it has ended well; logged too, for it may be worth a look.

    path: what it wrote or read, for the message. Raises StoppedError if it ended badly, KilledError
    if from outside, and UserError if that was for want of room on the disk.
    """
    code = process.popen.wait()
    lines = complaints(process)
    if code == 0:
        for line in lines:
            log.warning("%s: ffmpeg says: %s", printable(path), printable(line))
        return lines
    if code in FULL_DISK or any(FULL_DISK_LINE.search(line) for line in lines):
        raise disk_full_error(path)
    why = printable(lines[0]) if lines else f"it ended with code {code}"
    if process.was_killed:
        why = f"it was ended by signal {-code}" if code < 0 else "it was ended by a signal"
    line = f"{printable(path)}: ffmpeg must run to its end, got: {why}; run the same command again"
    raise KilledError(line) if process.was_killed else StoppedError(line, lines)


@dataclass(frozen=True)
class Tally:
    """The pictures in a file: how many, and by how many frames decoding runs ahead of showing."""

    pictures: int
    """How many there are."""
    delay: int
    """Frames by which decoding runs ahead of showing."""


def count_frames(
    arguments: Sequence[str], path: Path, rate: Fraction, cwd: Path | None = None
) -> Tally:
    """Return what is in the first video stream of the input that arguments name; nothing is
    decoded.

    rate: frames/s. path: for the message. Raises UserError if it cannot be read.
    """
    listing = ("-map", "0:V:0", "-c", "copy", "-copyts", "-f", "framecrc", "-")
    with running([*arguments, *listing], cwd=cwd) as process:
        assert process.popen.stdout is not None
        result = _tally(process.popen.stdout, rate)
        check_exit(process, path)
    return result


def _tally(lines: Iterable[bytes], rate: Fraction) -> Tally:
    """Return the tally of a framecrc listing: "#tb 0: 1/24000", then "stream, dts, pts, ..."
    each."""
    pictures = delay = 0
    tick = Fraction(1)
    for line in lines:
        if line.startswith(b"#tb"):
            tick = Fraction(line.split(b":")[1].strip().decode())
        elif not line.startswith(b"#"):
            pts = line.split(b",")[2]
            delay = max(delay, pictures - round(int(pts) * tick * rate))
            pictures += 1
    return Tally(pictures, delay)
