"""Decoding of an input file by ffmpeg, with limits on its memory and on how long it may stall."""

from __future__ import annotations

import os
import re
import select
import time
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from pipeline.errors import UserError, printable
from pipeline.ffmpeg.process import (
    STARVED,
    VIDEOS,
    Process,
    input_options,
    is_memory_error,
    running,
)
from pipeline.limits import Limits
from pipeline.runtime.memory_limit import GIB
from pipeline.storage.input_file import open_input

PICTURES = "png_pipe,jpeg_pipe,bmp_pipe,tiff_pipe,webp_pipe,ppm_pipe,pgm_pipe,pbm_pipe,j2k_pipe"
"""Formats of single pictures that refer to no other file; VIDEOS are those of videos."""
REFUSED = re.compile(r"Picture size (\d+)x(\d+) is invalid")
"""Pattern of ffmpeg's message about a header with more pixels than -max_pixels, or with none."""


def reading(file: int, limits: Limits, formats: str = VIDEOS) -> list[str]:
    """Return options that make ffmpeg read the descriptor `file`.

    ffmpeg never sees a file name and opens no other file.
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
    """Yield the lines that ffmpeg writes to stdout, then those on stderr.

    before, after: its options before and after the input. Raises UserError if ffmpeg stalls or is
    killed, or if it needs more memory than the limits allow.
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
                *complete, rest = (rest + chunk).split(b"\n")
                yield from complete
            process.popen.wait()
            if process.popen.returncode in STARVED:
                raise memory_limit_error(path, limits)
            check_not_killed(process, path)
            yield from (line.encode() for line in process.complaints())


@contextmanager
def decoding(arguments: Sequence[str], file: int, path: Path, limits: Limits) -> Iterator[Process]:
    """Run an ffmpeg that reads the descriptor `file` and uses no more memory than the limits allow.

    path: path of the file, for messages. If ffmpeg ran out of memory, a UserError raised in the
    block is replaced by one that names the limit.
    """
    with running(arguments, pass_fds=(file,), memory=limits.bytes) as process:
        try:
            yield process
        except UserError as error:
            if process.starved:
                raise memory_limit_error(path, limits) from error
            raise


class TruncatedError(UserError):
    """A decoder was killed, so its output is incomplete."""


def check_not_killed(process: Process, path: Path) -> None:
    """Raise TruncatedError if the ended ffmpeg was killed.

    path: path of the file that it read.
    """
    if process.was_killed:
        raise TruncatedError(
            f"input: must be decoded to its end, but ffmpeg was killed (code "
            f"{process.popen.returncode}) while reading {printable(path)}; run the same command "
            "again"
        )


def memory_limit_error(path: Path, limits: Limits) -> UserError:
    """Return the error for a file whose decoder needs more memory than the limits allow."""
    return UserError(
        f"input: must be decodable within limits.memory={limits.bytes / GIB:.3g} GiB, got "
        f"{printable(path)}, which needs more; increase limits.memory, or use another file"
    )


def too_large_error(path: Path, size: str, limits: Limits) -> UserError:
    """Return the error for pictures with more pixels than the limit."""
    return UserError(
        f"input: must have at most limits.pixels={limits.pixels} pixels per picture, got "
        f"{size} in {printable(path)}; increase limits.pixels if memory allows"
    )


def unreadable_error(path: Path, said: list[str], limits: Limits) -> UserError:
    """Return the error for a file that cannot be decoded, with the first reason from ffmpeg."""
    for size in filter(None, map(REFUSED.search, said)):
        if int(size[1]) * int(size[2]) > limits.pixels:
            return too_large_error(path, f"{size[1]}x{size[2]}", limits)
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


def wait(pipe: int, *, file: int, path: Path, seconds: float) -> None:
    """Return as soon as `pipe` has data to read or has ended.

    file: descriptor that the writer of `pipe` reads from. Progress in reading it resets the timeout
    where both share its position: skipping to a late start may produce no output for minutes.
    Raises UserError after `seconds` with neither data nor progress.
    """
    poll = select.poll()
    poll.register(pipe, select.POLLIN)
    position, changed = os.lseek(file, 0, os.SEEK_CUR), time.monotonic()
    while not poll.poll(1000 * min(1.0, seconds)):
        current, now = os.lseek(file, 0, os.SEEK_CUR), time.monotonic()
        if current != position:
            position, changed = current, now
        elif now - changed >= seconds:
            raise UserError(
                f"input: must yield data within limits.stall_seconds={seconds:g}, got nothing from "
                f"{printable(path)}; use an undamaged copy of the file, or increase "
                "limits.stall_seconds if the disk is slow"
            )
