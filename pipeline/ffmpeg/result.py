"""The result of a run of ffmpeg: its exit status, and the number of pictures in its output."""

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

# The exit code is the negated error number modulo 256: 28 is a full disk, 122 an exceeded quota.
FULL_DISK = (-28 % 256, -122 % 256)
FULL_DISK_LINE = re.compile("No space left on device|Disk quota exceeded")
# The AV1 encoder prints its version at any log level; "Svt[error]" is kept.
GREETING = re.compile(r"Svt\[(info|warn)\]|Using MS style video codec tag")
ADDRESS = re.compile(r"(\[[^\]]* @ 0x[0-9a-f]+\] )+")


class KilledError(UserError):
    """ffmpeg was killed by a signal. The pictures written to it must be encoded again."""


class StoppedError(UserError):
    """ffmpeg failed. lines: its messages, without memory addresses."""

    def __init__(self, message: str, lines: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.lines = tuple(lines)


def complaints(process: Process) -> list[str]:
    """Return the lines that ffmpeg wrote to stderr, without memory addresses and version lines."""
    lines = (ADDRESS.sub("", line) for line in process.complaints())
    return [line for line in lines if not GREETING.match(line)]


def check_exit(process: Process, path: Path) -> list[str]:
    """Wait for ffmpeg and return its messages after success; they are also logged as warnings.

    path: file that it wrote or read, for messages. Raises StoppedError if it failed, KilledError if
    it was killed, and UserError if the disk is full.
    """
    code = process.popen.wait()
    lines = complaints(process)
    if code == 0:
        for line in lines:
            log.warning("%s: ffmpeg reports: %s", printable(path), printable(line))
        return lines
    if code in FULL_DISK or any(FULL_DISK_LINE.search(line) for line in lines):
        raise disk_full_error(path)
    why = printable(lines[0]) if lines else f"exit code {code}"
    if process.was_killed:
        why = f"terminated by signal {-code}" if code < 0 else "terminated by a signal"
    line = (
        f"{printable(path)}: must be processed completely by ffmpeg, got: {why}; "
        "run the same command again"
    )
    raise KilledError(line) if process.was_killed else StoppedError(line, lines)


@dataclass(frozen=True)
class Tally:
    """Number of pictures in a file, and the delay of their presentation."""

    pictures: int
    """Number of pictures."""
    delay: int
    """Frames by which decoding runs ahead of presentation."""


def count_frames(
    arguments: Sequence[str], path: Path, rate: Fraction, cwd: Path | None = None
) -> Tally:
    """Return the tally of the first video stream of the input, without decoding it.

    arguments: options that name the input. path: file for messages. rate: frames/s. cwd: working
    directory. Raises UserError if the input cannot be read.
    """
    listing = ("-map", "0:V:0", "-c", "copy", "-copyts", "-f", "framecrc", "-")
    with running([*arguments, *listing], cwd=cwd) as process:
        assert process.popen.stdout is not None
        result = _tally(process.popen.stdout, rate)
        check_exit(process, path)
    return result


def _tally(lines: Iterable[bytes], rate: Fraction) -> Tally:
    """Return the tally of a framecrc listing: "#tb 0: 1/24000", then "stream, dts, pts, ..." for
    each picture."""
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
