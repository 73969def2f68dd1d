"""Small videos with known contents, made with the bundled ffmpeg for the tests of sources."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from pipeline.ffmpeg.process import executable
from pipeline.frame import Picture
from pipeline.limits import Limits
from pipeline.source.feedback import Feedback
from pipeline.source.fitting import Fitting
from pipeline.source.images import Images
from pipeline.source.still import Still
from pipeline.source.video import Video

BITS, CELL, HEIGHT = 8, 16, 48
WIDTH = BITS * CELL
X264 = ("-c:v", "libx264", "-preset", "ultrafast", "-qp", "8", "-pix_fmt", "yuv420p")
MPEG2 = ("-c:v", "mpeg2video", "-q:v", "2", "-pix_fmt", "yuv420p")
FFV1 = ("-c:v", "ffv1")
LIMITS = Limits(pixels=1 << 26, frames=5_000_000, gap_seconds=300, rate=1000, stall_seconds=60,
                memory=None)  # fmt: skip
"""Those of conf/config.yaml."""
FITTING = Fitting(aspect=None, fit="crop", centre=(0.5, 0.5), crop=None)
"""That of conf/config.yaml."""
WHOLE: dict[str, Any] = {
    **dict.fromkeys(("start", "end", "frames", "height", "width")),
    "fitting": FITTING,
}


def video(path: Path | str, **settings: Any) -> Video:
    """The whole file as a source, with the settings of conf/source/video.yaml but these."""
    given = {"path": path, **WHOLE, "deinterlace": "auto", "limits": LIMITS, **settings}
    return Video(**given)


def feedback(**settings: Any) -> Feedback:
    """Noise of 48x64 at 30 frames/s, with the settings of conf/source/feedback.yaml but these."""
    given = {"path": None, "rate": 30, "seconds": None, "frames": None, "height": 48, "width": 64,
             "fitting": FITTING, "longest_side": None, "noise_height": 360,
             "noise_width": 640, "seed": 0,
             "contrast": 0.12, "limits": LIMITS, **settings}  # fmt: skip
    return Feedback(**given)


def images(path: Path | str, **settings: Any) -> Images:
    """The pictures as a source, with the settings of conf/source/images.yaml but these."""
    return Images(**{"path": path, "rate": 25, **WHOLE, "limits": LIMITS, **settings})


def still(path: Path | str, **settings: Any) -> Still:
    """The picture as a source, with the settings of conf/source/still.yaml but these."""
    given = {"path": path, "height": None, "width": None, "fitting": FITTING, "alpha": "keep",
             "limits": LIMITS, **settings}  # fmt: skip
    return Still(**given)


def limited(**changes: Any) -> Limits:
    """The limits, but for these."""
    return replace(LIMITS, **changes)


def run(*arguments: str, data: bytes = b"", cwd: Path | None = None) -> bytes:
    """What ffmpeg writes on stdout."""
    command = [executable(), "-v", "error", "-y", *arguments]
    return subprocess.run(command, input=data, stdout=subprocess.PIPE, check=True, cwd=cwd).stdout


def barcode(number: int) -> Picture:
    """A picture that says its number in black and white bars, the lowest bit first."""
    bits = np.array([255 * (number >> bit & 1) for bit in range(BITS)], np.uint8)
    return np.broadcast_to(np.repeat(bits, CELL)[None, :, None], (HEIGHT, WIDTH, 3)).copy()


def number(picture: Picture) -> int:
    """The number that a picture of `barcode` says, at any size."""
    height, width = picture.shape[:2]
    centres = (np.arange(BITS) + 0.5) * width / BITS
    return sum(1 << bit for bit, x in enumerate(centres) if picture[height // 2, int(x), 1] > 127)


def numbers(pictures: Iterable[Picture]) -> list[int]:
    """The numbers of these pictures."""
    return [number(picture) for picture in pictures]


def write(
    path: Path,
    pictures: Sequence[npt.NDArray[Any]],
    *options: str,
    rate: str = "25",
    pixels: str = "rgb24",
    size: tuple[int, int] | None = None,
    before: Sequence[str] = (),
) -> Path:
    """The file with these pictures.

    pixels: ffmpeg's name of their raw format. size: (height, width) if their shape does not tell.
    options: of the output, X264 if there are none. before: further inputs and their options.
    """
    height, width = size or pictures[0].shape[:2]
    raw = ("-f", "rawvideo", "-pix_fmt", pixels, "-s", f"{width}x{height}", "-r", rate, "-i", "-")
    data = b"".join(picture.tobytes() for picture in pictures)
    run(*raw, *before, *(options or X264), f"file:{path}", data=data)
    return path


def counted(path: Path, *options: str, frames: int = 20, **more: Any) -> Path:
    """The file with `frames` pictures that say their numbers from 0 on."""
    return write(path, [barcode(index) for index in range(frames)], *options, **more)


def video_comment(path: Path) -> str:
    """Return the comment of a video, from ffmpeg's own listing."""
    listed = run("-i", str(path), "-f", "ffmetadata", "-").decode()
    # special characters are escaped there, the ends of lines too
    found = re.search(r"^comment=((?:\\.|[^\\\n])*)$", listed, re.MULTILINE | re.DOTALL | re.I)
    assert found
    return re.sub(r"\\(.)", r"\1", found[1], flags=re.DOTALL)
