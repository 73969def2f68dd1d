"""Video segments, each encoded by its own ffmpeg process."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from subprocess import DEVNULL, PIPE

import numpy as np

from pipeline.encoder import Writer
from pipeline.errors import UserError, printable
from pipeline.ffmpeg.process import running
from pipeline.ffmpeg.result import check_exit, count_frames
from pipeline.frame import Clip, Picture, composite_over_grey, to_uint8
from pipeline.storage.atomic import commit, disk_errors, temporary_path


class Segment(Writer):
    """A Writer of a video file. options: ffmpeg's options between input and output.

    complaints: ffmpeg's messages, complete once the segment is closed.
    """

    def __init__(self, path: Path, clip: Clip, options: Sequence[str]) -> None:
        self.complaints: list[str] = []
        self._path, self._clip = path, clip
        self._temporary = temporary_path(path)
        self._written = 0
        self._open = True
        self._stack = ExitStack()
        size = f"{clip.width}x{clip.height}"
        rate = f"{clip.rate.numerator}/{clip.rate.denominator}"
        pictures = ["-f", "rawvideo", "-pix_fmt", "rgb24", "-s", size, "-framerate", rate]
        arguments = [*pictures, "-i", "pipe:0", *options, "-y", f"file:{self._temporary.name}"]
        run = running(arguments, stdin=PIPE, stdout=DEVNULL, cwd=path.parent)
        with disk_errors(path):
            self._process = self._stack.enter_context(run)

    def write(self, picture: Picture) -> None:
        """Append a picture, (H, W, 3) RGB.

        A still is reduced to 8 bits and composited over black if it has transparency. Raises
        UserError if ffmpeg ended, on a full disk for example, and KilledError if it was killed.
        """
        if self._clip.cutout is not None:
            picture = composite_over_grey(picture, self._clip.cutout[..., 3], 0)
        picture = to_uint8(picture)
        shape = (self._clip.height, self._clip.width, 3)
        if picture.shape != shape:
            raise ValueError(f"a picture must have shape {shape}, got {picture.shape}")
        assert self._process.popen.stdin is not None
        try:
            self._process.popen.stdin.write(np.ascontiguousarray(picture).data)
        except BrokenPipeError:
            check_exit(self._process, self._path)
            raise self._short("fewer") from None
        self._written += 1

    def close(self) -> None:
        """Finish the segment. Raises UserError unless all pictures are in it and on the disk."""
        if not self._open:
            return
        try:
            with disk_errors(self._path):
                self._finish()
        finally:
            self.stop()

    def _finish(self) -> None:
        if self._written == 0:
            raise ValueError("a segment must contain at least one picture, got none")
        assert self._process.popen.stdin is not None
        with suppress(BrokenPipeError):  # the exit code gives the reason
            self._process.popen.stdin.close()
        self.complaints = check_exit(self._process, self._path)
        source = ["-i", f"file:{self._temporary.name}"]
        got = count_frames(source, self._path, self._clip.rate, self._path.parent).pictures
        if got != self._written:
            raise self._short(got)
        commit(self._temporary, self._path)

    def _short(self, got: int | str) -> UserError:
        return UserError(
            f"{printable(self._path)}: must contain all {self._written} pictures, got {got}; "
            "choose another encoder (dreamreel list encoders)"
        )

    def stop(self) -> None:
        """Stop immediately and remove the temporary file, if any."""
        self._open = False
        self._stack.close()
        self._temporary.unlink(missing_ok=True)


def read_segment(path: Path, clip: Clip, options: Sequence[str]) -> Iterator[Picture]:
    """Yield the pictures of a video file, (H, W, 3) uint8 RGB.

    options: ffmpeg's options between input and output. Raises UserError if it cannot be decoded.
    """
    arguments = ["-i", f"file:{path.name}", *options, "-f", "rawvideo", "-pix_fmt", "rgb24", "-"]
    size = clip.height * clip.width * 3
    with running(arguments, cwd=path.parent) as process:
        assert process.popen.stdout is not None
        while len(pixels := process.popen.stdout.read(size)) == size:
            yield np.frombuffer(pixels, np.uint8).reshape(clip.height, clip.width, 3)
        check_exit(process, path)
