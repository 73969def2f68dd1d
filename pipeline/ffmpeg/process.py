"""The bundled ffmpeg: its path, and how it is run to read or write files."""

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
"""First options of every run: only errors on stderr, and no interactive questions."""
VIDEOS = (
    "mov,matroska,mpegts,mpeg,mpegvideo,avi,flv,ogg,asf,gif,apng,webp_anim,h264,hevc,obu,m4v,ivf,"
    "nut,mxf,dv,yuv4mpegpipe,mjpeg,png_pipe,jpeg_pipe"
)
"""Self-contained video formats: a disguised playlist or script would open other files."""
SOUNDS = "wav,w64,mp3,flac,aac,aiff,au,caf,ac3,eac3,wv,tta,amr"
"""Self-contained audio formats."""
SIGNALLED = 255
"""Exit code after a signal to terminate: ffmpeg closes its output as if it were complete."""
REFUSED = "Operation not permitted"
"""Message if that code is not from a signal but from error -1 (EPERM), which is 255 modulo 256."""
STARVED = (-errno.ENOMEM & 0xFF, -errno.EAGAIN & 0xFF)
"""Exit codes for out of memory: for a block, and for the stack of a thread."""
OUT_OF_MEMORY = re.compile(
    r"annot allocate memory|ailed to allocate|pthread_create|get_buffer\(\) failed"
)
"""Pattern of the messages of decoders and filters that are out of memory."""


def is_memory_error(complaints: Iterable[str]) -> bool:
    """Return whether any of these lines reports that ffmpeg is out of memory."""
    return any(map(OUT_OF_MEMORY.search, complaints))


def input_options(formats: str = VIDEOS) -> list[str]:
    """Return options for an input from a descriptor that keep it from opening other files and URLs.

    They precede the input. formats: allowed formats, separated by commas.
    """
    return ["-protocol_whitelist", "fd,pipe", "-format_whitelist", formats]


def output(arguments: Sequence[str], *, pass_fds: Sequence[int] = (), most: int = -1) -> str:
    """Return what ffmpeg writes to stdout as text. most: maximum number of bytes; -1 for all."""
    with running(arguments, pass_fds=pass_fds) as process:
        assert process.popen.stdout is not None
        return process.popen.stdout.read(most).decode("utf-8", "replace")


@cache
def executable() -> str:
    """Return the path of the ffmpeg bundled with imageio-ffmpeg."""
    return str(imageio_ffmpeg.get_ffmpeg_exe())


@cache
def version() -> str:
    """Return ffmpeg's version line. Another version may encode differently."""
    return output(["-version"]).partition("\n")[0].strip()


@dataclass(frozen=True)
class Process:
    """A running ffmpeg. Its stderr goes to a file, because a full pipe would block it."""

    popen: subprocess.Popen[bytes]
    """The process."""
    log: IO[bytes]
    """The file for its stderr."""

    def complaints(self) -> list[str]:
        """Return the non-empty lines in the first MiB that it has written to stderr so far."""
        # pread: the child shares the file's position, so seeking would change where it writes
        text = os.pread(self.log.fileno(), 1 << 20, 0).decode("utf-8", "replace")
        return [line.strip() for line in text.splitlines() if line.strip()]

    @property
    def was_killed(self) -> bool:
        """Whether the ended process was killed by a signal, so that its output is incomplete."""
        if self.popen.returncode == SIGNALLED:
            return not any(REFUSED in line for line in self.complaints())
        return self.popen.returncode < 0

    @property
    def starved(self) -> bool:
        """Whether it ended or hangs because it is out of memory."""
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
    """Run ffmpeg with these arguments, in its own session so that Ctrl-C does not reach it.

    memory: limit in bytes, for a process that reads untrusted files. None: the limit of this
    process. After the block, even on an error, the process has ended and its pipes are closed.
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
                    # it may have died before reading the last bytes; its exit code tells
                    with suppress(BrokenPipeError):
                        pipe.close()
            popen.wait()
