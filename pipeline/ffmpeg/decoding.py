"""An input file, opened and handed to ffmpeg so that it can neither hang nor mislead."""

from __future__ import annotations

import os
import select
import time
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from pipeline.errors import UserError, printable
from pipeline.ffmpeg.process import STARVED, VIDEOS, Process, input_options, running
from pipeline.limits import Limits
from pipeline.runtime.memory_limit import GIB
from pipeline.storage.input_file import open_input

PICTURES = "png_pipe,jpeg_pipe,bmp_pipe,tiff_pipe,webp_pipe,ppm_pipe,pgm_pipe,pbm_pipe,j2k_pipe"
"""Formats of single pictures that hold all they need, as VIDEOS are of videos."""


def reading(file: int, limits: Limits, formats: str = VIDEOS) -> list[str]:
    """Return options that make ffmpeg read descriptor `file`: it never sees a name, nor opens
    another.
    """
    return [
        *input_options(formats),
        *("-max_pixels", str(limits.pixels), "-fd", str(file), "-i", "fd:"),
    ]


def lines(
    path: Path,
    before: Sequence[str],
    after: Sequence[str],
    limits: Limits,
    formats: str = VIDEOS,
) -> Generator[bytes, None, None]:
    """Yield what ffmpeg writes on stdout, line by line, then on stderr.

    before, after: its options on either side of the input. Raises UserError if it stalls.
    """
    rest = b""
    with open_input(path) as file:
        arguments = [*before, *reading(file, limits, formats), *after]
        with decoding(arguments, file, path, limits) as process:
            assert process.popen.stdout is not None
            pipe = process.popen.stdout.fileno()
            while True:
                wait(pipe, file=file, path=path, seconds=limits.stall_seconds)
                chunk = os.read(pipe, 1 << 16)
                if not chunk:
                    break
                *whole, rest = (rest + chunk).split(b"\n")
                yield from whole
            process.popen.wait()
            if process.popen.returncode in STARVED:
                raise memory_limit_error(path, limits)
            check_not_killed(process, path)
            yield from (line.encode() for line in process.complaints())


@contextmanager
def decoding(arguments: Sequence[str], file: int, path: Path, limits: Limits) -> Iterator[Process]:
    """An ffmpeg that reads the descriptor `file`, and holds no more memory than the limits allow.

    What it then fails in, or hangs for, is an error that names the limit. path: of the file.
    """
    with running(arguments, pass_fds=(file,), memory=limits.bytes) as process:
        try:
            yield process
        except UserError as error:
            if process.starved:
                raise memory_limit_error(path, limits) from error
            raise


class TruncatedError(UserError):
    """A decoder was ended from outside: what came of it is not all."""


def check_not_killed(process: Process, path: Path) -> None:
    """Check that the ffmpeg that has ended did so by itself. Raises CutOffError.

    path: of what it read.
    """
    if process.was_killed:
        raise TruncatedError(
            f"input: must be decoded to its end, but ffmpeg was killed (code "
            f"{process.popen.returncode}) while it read {printable(path)}; run the same command "
            "again"
        )


def memory_limit_error(path: Path, limits: Limits) -> UserError:
    """Return the error for a file whose decoder wanted more memory than it may have."""
    return UserError(
        f"input: must be decoded within limits.memory={limits.bytes / GIB:.3g} GiB, got "
        f"{printable(path)}, which takes more; raise the limit, or use another file"
    )


def wait(pipe: int, *, file: int, path: Path, seconds: float) -> None:
    """Nothing, as soon as `pipe` has something to read or has ended.

    file: the descriptor that the writer of `pipe` reads from; where the two share its position,
    reading on counts as life: skipping to a late start gives no byte for minutes and is well.
    Raises UserError after `seconds` without either.
    """
    poll = select.poll()
    poll.register(pipe, select.POLLIN)
    position, seen = os.lseek(file, 0, os.SEEK_CUR), time.monotonic()
    while not poll.poll(1000 * min(1.0, seconds)):
        here, now = os.lseek(file, 0, os.SEEK_CUR), time.monotonic()
        if here != position:
            position, seen = here, now
        elif now - seen >= seconds:
            raise UserError(
                f"input: must give a picture every limits.stall_seconds={seconds:g}, got nothing "
                f"from {printable(path)}; repair the file, or raise the limit on a slow disk"
            )
