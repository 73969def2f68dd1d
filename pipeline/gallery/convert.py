"""Conversion of files by ffmpeg, limited in time and memory; an output is complete or absent."""

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
"""Formats that are accepted in a job's folder."""
MEMORY, EACH = 4 << 30, 32 << 20
"""Memory limit of ffmpeg in bytes, since a damaged file may request any amount; and the bytes added
for each input, whose two threads have stacks.
"""
PIXELS = 1 << 26
"""Maximum number of pixels of a picture, as in conf/config.yaml."""

SCALED = "flags=area:out_color_matrix=bt709"
"""Options of the scale filter: the method to shrink pictures, and the matrix of the video."""
TAGGED = "setparams=range=tv:colorspace=bt709:color_primaries=bt709:color_trc=bt709"
"""Last filter of a video: sets all colour tags, since players guess missing ones differently."""
H264 = ("-an", "-sn", "-dn", "-c:v", "libx264", "-preset", "veryfast", "-pix_fmt", "yuv420p")
"""Options of a video that every browser plays."""
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
    """Convert the inputs to `target` and return whether this succeeded.

    Inputs are passed as descriptors, so that no name inside them can open another file. options:
    options of the output, including its format. before: options of each input. pictures: PNGs that
    form one more input, at the rate in `before`. seconds: time limit. Failures of ffmpeg are
    logged. Returns False if an input has disappeared. Raises UserError on a disk error.
    """
    temporary = temporary_path(target)
    with disk_errors(target), ExitStack() as stack:
        stack.callback(temporary.unlink, missing_ok=True)
        try:
            files = [stack.enter_context(path.open("rb")).fileno() for path in inputs]
        except OSError:
            return False
        input_arguments = [
            word
            for file in files
            for word in (*before, *_safe_options(), "-threads", "1", "-fd", str(file), "-i", "fd:")
        ]
        pipe_arguments = (
            (*before, *_safe_options(), "-f", "png_pipe", "-i", "pipe:0") if pictures else ()
        )
        process = stack.enter_context(
            running(
                [*input_arguments, *pipe_arguments, *options, f"file:{temporary}"],
                stdin=subprocess.PIPE if pictures else subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                pass_fds=files,
                memory=MEMORY + EACH * len(files),
            )
        )
        try:
            if pictures:
                _feed(process.popen, pictures)
            exit_code = process.popen.wait(seconds)
        except subprocess.TimeoutExpired:
            log.info("%s: could not be created within %g s", printable(target), seconds)
            return False
        if exit_code or not temporary.exists() or not temporary.stat().st_size:
            log.info(
                "%s: could not be created: %s",
                printable(target),
                printable(" ".join(process.complaints())[:300]),
            )
            return False
        temporary.replace(target)
    return True


def _safe_options() -> list[str]:
    return [*input_options(FORMATS), "-max_pixels", str(PIXELS)]


def _feed(process: subprocess.Popen[bytes], pictures: Sequence[Path]) -> None:
    """Write the pictures one after the other, until one is missing or ffmpeg stops reading."""
    assert process.stdin is not None
    with suppress(OSError):  # a failure of ffmpeg shows in its exit code
        for picture in pictures:
            process.stdin.write(picture.read_bytes())
    with suppress(BrokenPipeError):
        process.stdin.close()
