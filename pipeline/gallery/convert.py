"""A file made of others by ffmpeg, or not at all: whole, in time, and out of no other file."""

from __future__ import annotations

import logging
import subprocess
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from pathlib import Path

from pipeline.errors import printable
from pipeline.ffmpeg.process import VIDEOS, input_options, running
from pipeline.storage.atomic import disk_errors, temporary_path

log = logging.getLogger(__name__)

FORMATS = f"{VIDEOS},webp_pipe,tiff_pipe"
"""What may lie in a job's folder."""
MEMORY, EACH = 4 << 30, 32 << 20
"""Bytes that ffmpeg may hold, for a damaged file asks for more than there is; and for each further
input, whose two threads have stacks.
"""
PIXELS = 1 << 26
"""The most pixels of a picture, as conf/config.yaml has it."""

SCALED = "flags=area:out_color_matrix=bt709"
"""How pictures are made smaller, and with which matrix they go into a video."""
TAGGED = "setparams=range=tv:colorspace=bt709:color_primaries=bt709:color_trc=bt709"
"""The last filter: what is not said players guess, each otherwise."""
H264 = ("-an", "-sn", "-dn", "-c:v", "libx264", "-preset", "veryfast", "-pix_fmt", "yuv420p")
"""A video that every browser plays."""
MP4 = ("-movflags", "+faststart", "-f", "mp4")


def convert_preview(
    inputs: Sequence[Path],
    target: Path,
    options: Sequence[str],
    *,
    before: Sequence[str] = (),
    pictures: Sequence[Path] = (),
    seconds: float,
) -> bool:
    """Return whether target was made of the inputs, read as descriptors: no name in them opens a
    file.

    options: of the output, its format among them. before: options of each input. pictures: PNGs
    that are one more input, at the options' rate. seconds: after which it is given up. What went
    while we looked is not made. Raises UserError where the disk does not do its part.
    """
    temporary = temporary_path(target)
    with disk_errors(target), ExitStack() as stack:
        stack.callback(temporary.unlink, missing_ok=True)
        try:
            files = [stack.enter_context(path.open("rb")).fileno() for path in inputs]
        except OSError:
            return False
        each = [
            word
            for file in files
            for word in (*before, *_guarded(), "-threads", "1", "-fd", str(file), "-i", "fd:")
        ]
        piped = (*before, *_guarded(), "-f", "png_pipe", "-i", "pipe:0") if pictures else ()
        process = stack.enter_context(
            running(
                [*each, *piped, *options, f"file:{temporary}"],
                stdin=subprocess.PIPE if pictures else subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                pass_fds=files,
                memory=MEMORY + EACH * len(files),
            )
        )
        try:
            if pictures:
                _feed(process.popen, pictures)
            ended = process.popen.wait(seconds)
        except subprocess.TimeoutExpired:
            log.info("%s: not made within %g s", printable(target), seconds)
            return False
        if ended or not temporary.exists() or not temporary.stat().st_size:
            log.info(
                "%s: not made: %s",
                printable(target),
                printable(" ".join(process.complaints())[:300]),
            )
            return False
        temporary.replace(target)
    return True


def _guarded() -> list[str]:
    return [*input_options(FORMATS), "-max_pixels", str(PIXELS)]


def _feed(process: subprocess.Popen[bytes], pictures: Sequence[Path]) -> None:
    """Write the pictures one after the other, until one is gone or ffmpeg cannot read it."""
    assert process.stdin is not None
    with suppress(OSError):  # of ffmpeg the exit code tells
        for picture in pictures:
            process.stdin.write(picture.read_bytes())
    with suppress(BrokenPipeError):
        process.stdin.close()
