"""The bundled ffmpeg: where it is and how it is run. For those who read or write files."""

from __future__ import annotations

import errno
import os
import re
import subprocess
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import IO

import imageio_ffmpeg

from pipeline.runtime.memory_limit import limit_process

QUIET = ("-v", "error", "-nostdin", "-hide_banner", "-nostats")
"""Options that every run begins with: only errors on stderr, and never a question."""
VIDEOS = (
    "mov,matroska,mpegts,mpeg,mpegvideo,avi,flv,ogg,asf,gif,apng,webp_anim,h264,hevc,obu,m4v,ivf,"
    "nut,mxf,dv,yuv4mpegpipe,mjpeg,png_pipe,jpeg_pipe"
)
"""Formats that hold all they need: a playlist or script in disguise would open other files."""
SOUNDS = "wav,w64,mp3,flac,aac,aiff,au,caf,ac3,eac3,wv,tta,amr"
"""Formats of sound alone, of which the same is true."""

SIGNALLED = 255
"""Exit code after a signal that asks it to end: it closes what it writes, as if that were all."""
REFUSED = "Operation not permitted"
"""What it says where that code is not of a signal: the same is left of an error of number -1."""
STARVED = (-errno.ENOMEM & 0xFF, -errno.EAGAIN & 0xFF)
"""Exit codes for want of memory: of a block, and of the stack of a thread."""
WANT = re.compile(r"annot allocate memory|ailed to allocate|pthread_create|get_buffer\(\) failed")
"""What decoders and filters complain of then."""


def is_memory_error(complaints: Iterable[str]) -> bool:
    """Return whether some of these lines complain of a want of memory."""
    return any(map(WANT.search, complaints))


def input_options(formats: str = VIDEOS) -> list[str]:
    """Return options before an input from a descriptor, so that it opens no other file and no
    address.
    """
    return ["-protocol_whitelist", "fd,pipe", "-format_whitelist", formats]


def output(arguments: Sequence[str], *, pass_fds: Sequence[int] = (), most: int = -1) -> str:
    """Return what ffmpeg writes to stdout as text, at most so many bytes of it; -1 = all."""
    with running(arguments, pass_fds=pass_fds) as process:
        assert process.popen.stdout is not None
        return process.popen.stdout.read(most).decode("utf-8", "replace")


@cache
def executable() -> str:
    """Return the path of the ffmpeg that imageio-ffmpeg ships."""
    return str(imageio_ffmpeg.get_ffmpeg_exe())


@cache
def version() -> str:
    """Return what it calls itself: another one may encode otherwise."""
    return output(["-version"]).partition("\n")[0].strip()


@dataclass(frozen=True)
class Process:
    """A running ffmpeg. Its stderr goes to a file: an undrained pipe would stop it some day."""

    popen: subprocess.Popen[bytes]
    """The process."""
    log: IO[bytes]
    """The file that its stderr goes to."""

    def complaints(self) -> list[str]:
        """Return what it has written on stderr so far, line by line."""
        # pread: the child shares the file's position, and seeking would move where it writes
        text = os.pread(self.log.fileno(), 1 << 20, 0).decode("utf-8", "replace")
        return [line.strip() for line in text.splitlines() if line.strip()]

    @property
    def was_killed(self) -> bool:
        """Whether it, having ended, was ended from outside: what it wrote is not all."""
        if self.popen.returncode == SIGNALLED:
            return not any(REFUSED in line for line in self.complaints())
        return self.popen.returncode < 0

    @property
    def starved(self) -> bool:
        """Whether it has ended, or hangs, for want of memory."""
        return self.popen.poll() in STARVED or is_memory_error(self.complaints())


@contextmanager
def running(
    arguments: Sequence[str],
    *,
    stdin: int | IO[bytes] | None = subprocess.DEVNULL,
    stdout: int | IO[bytes] | None = subprocess.PIPE,
    pass_fds: Sequence[int] = (),
    cwd: Path | None = None,
    memory: int | None = None,
) -> Iterator[Process]:
    """An ffmpeg with these arguments, in its own session so that Ctrl-C does not reach it.

    memory: bytes that it may hold, for one that reads what others made; None = as many as we.
    However the block is left, the process has ended and its pipes are closed afterwards.
    """
    with tempfile.TemporaryFile() as log:
        popen = subprocess.Popen(
            [executable(), *QUIET, *arguments],
            stdin=stdin,
            stdout=stdout,
            stderr=log,
            pass_fds=pass_fds,
            cwd=cwd,
            start_new_session=True,
        )
        try:
            if memory is not None:
                limit_process(popen.pid, memory)
            yield Process(popen, log)
        finally:
            if popen.poll() is None:
                popen.kill()
            for pipe in (popen.stdin, popen.stdout):
                if pipe is not None:
                    # it may have died with our last bytes in the pipe; its exit code tells
                    with suppress(BrokenPipeError):
                        pipe.close()
            popen.wait()
