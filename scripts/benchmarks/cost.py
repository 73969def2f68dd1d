"""Whether a render's cost grows as its pixels and its frames do, and no faster."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from benchmarks import harness
from pipeline.ffmpeg.process import running
from pipeline.gradient import Gradient

SIZES = ((320, 180), (640, 360), (960, 540), (1280, 720), (1920, 1080))
"""Width and height in pixels."""
FRAMES = 12
"""Of each size; the first costs more and is left out."""
PERIOD, LONG = 50, 2000
"""Frames of a piece that comes again and again, each time behind a cut, and of them all."""
MARKS = (50, 100, 250, 500, 1000, 2000)
"""Frames at which the time so far is looked at."""
WITHIN = 0.1
Vector = npt.NDArray[np.float64]


def run(out: Path, clip: Path | None) -> tuple[dict[str, object], dict[str, bool]]:
    """Return the figures, and which demands they meet. clip: a real one, bikes.mp4."""
    clip = harness.needed(clip, "cost")
    gradient_fn = harness.gradient([f"input={clip}"])
    by_size = {size: _by_size(clip, size, gradient_fn) for size in SIZES}
    pixels = np.array([width * height for width, height in SIZES], float)
    spent = np.array(list(by_size.values()))
    for (width, height), seconds in by_size.items():
        print(f"{width}x{height}: {1e3 * seconds:.0f} ms a step")
    wide, begun = _off_line(pixels, spent)
    so_far = _by_frames(_repeated(clip, out / "repeated.mp4"), gradient_fn)
    for mark in MARKS:
        print(f"{mark} frames: {1e3 * so_far[mark] / mark:.1f} ms a frame")
    long, _ = _off_line(np.array(MARKS, float), np.array([so_far[mark] for mark in MARKS]))
    told_sizes = {f"{width}x{height}": seconds for (width, height), seconds in by_size.items()}
    return {"seconds a step": told_sizes, "seconds": {mark: so_far[mark] for mark in MARKS}}, {
        f"seconds a step are at most {wide:.1%} <= 10 % off a line in pixels, which begins at "
        f"{begun:.1%} of 1920x1080": wide <= WITHIN,
        f"seconds are at most {long:.1%} <= 10 % off a line in frames": long <= WITHIN,
    }


def _off_line(sizes: Vector, spent: Vector) -> tuple[float, float]:
    """Return how far off, in proportion, these seconds are at most from the line that comes nearest
    to them; and the share of the last of them that the line begins with.
    """
    line = np.polyfit(sizes, spent, 1, w=1 / spent)
    return float(abs(np.polyval(line, sizes) / spent - 1).max()), float(line[1] / spent[-1])


def _by_size(clip: Path, size: tuple[int, int], gradient_fn: Gradient) -> float:
    """Return seconds of a frame behind the first, all that goes with it included, over its steps:
    what is new in a frame, and wants steps, hangs on its size too.
    """
    width, height = size
    words = [f"input={clip}", f"width={width}", f"height={height}", f"frames={FRAMES}"]
    marks = [(time.perf_counter(), 0.0)]
    for steps in _dreamt(words, gradient_fn):
        marks.append((time.perf_counter(), steps))
    spent = marks[-1][0] - marks[1][0]
    return spent / sum(steps for _, steps in marks[2:])


def _by_frames(clip: Path, gradient_fn: Gradient) -> Mapping[int, float]:
    """Return seconds until so many frames of the clip were there."""
    began, so_far = time.perf_counter(), {}
    for count, _ in enumerate(_dreamt([f"input={clip}"], gradient_fn), start=1):
        so_far[count] = time.perf_counter() - began
    return so_far


def _dreamt(words: Sequence[str], gradient_fn: Gradient) -> Iterator[float]:
    """Yield the steps of each frame, once it is dreamt; each weighted by its share of the frame."""
    source = harness.stage("source", words)
    for dreamt in harness.rendered(source, words, gradient_fn):
        yield dreamt.dream.steps


def _repeated(clip: Path, output: Path) -> Path:
    """Return a piece of the clip over and over: each turn costs what the first did."""
    piece = output.with_name("piece.mp4")
    small = ["-vf", "scale=160:-2", "-an"]
    for words in (
        ["-i", str(clip), "-frames:v", str(PERIOD), *small, str(piece)],
        [
            "-stream_loop",
            str(LONG // PERIOD - 1),
            "-i",
            str(piece),
            "-frames:v",
            str(LONG),
            "-c",
            "copy",
            str(output),
        ],
    ):
        with running(["-y", *words]) as process:
            process.popen.wait()
    return output
