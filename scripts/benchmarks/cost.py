"""Whether the time of a render grows linearly with its pixels and its frames."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from benchmarks import harness
from benchmarks.tables.cost import deviation_by_frames, deviation_by_pixels
from pipeline.gradient import Gradient

SIZES = (
    (320, 180),
    (640, 360),
    (960, 540),
    (1280, 720),
    (1920, 1080),
    (2560, 1440),
    (3840, 2160),
)
"""Width and height in pixels, each dreamt at its full size."""
FRAMES = 12
"""Frames of each size; the first one takes longer and is left out."""
PERIOD, LONG = 50, 2000
"""Frames of the piece that is repeated, each time after a cut, and frames of all repetitions."""
MARKS = (50, 100, 250, 500, 1000, 2000)
"""Numbers of frames at which the elapsed time is compared."""
WITHIN = 0.1


def run(out: Path, clip: Path | None) -> tuple[dict[str, object], dict[str, bool]]:
    """Return the results, and requirement -> whether it is met. clip: bikes.mp4."""
    clip = harness.needed(clip, "cost")
    gradient_fn = harness.gradient([f"input={clip}"])
    by_size = {size: _by_size(clip, size, gradient_fn) for size in SIZES}
    for (width, height), seconds in by_size.items():
        print(f"{width}x{height}: {1e3 * seconds:.0f} ms a step")
    elapsed = _by_frames(_repeat_piece(clip, out / "repeated.mp4"), gradient_fn)
    for mark in MARKS:
        print(f"{mark} frames: {1e3 * elapsed[mark] / mark:.1f} ms a frame")
    results: dict[str, object] = {
        "seconds a step": {
            f"{width}x{height}": seconds for (width, height), seconds in by_size.items()
        },
        "seconds": {mark: elapsed[mark] for mark in MARKS},
    }
    deviation, offset = deviation_by_pixels(results)
    frames_deviation, _ = deviation_by_frames(results)
    return results, {
        f"seconds a step are at most {deviation:.1%} <= 10 % off a line in pixels, which begins at "
        f"{offset:.1%} of the largest size": deviation <= WITHIN,
        f"seconds are at most {frames_deviation:.1%} <= 10 % off a line in frames": frames_deviation
        <= WITHIN,
    }


def _by_size(clip: Path, size: tuple[int, int], gradient_fn: Gradient) -> float:
    """Return the seconds per gradient step of the frames after the first, all overhead included.

    Per step, because the share of new content, and so the number of steps, depends on the size.
    """
    width, height = size
    words = [f"input={clip}", f"width={width}", f"height={height}", f"frames={FRAMES}"]
    words.append("dream_width=null")
    marks = [(time.perf_counter(), 0.0)]
    for steps in _frame_steps(words, gradient_fn):
        marks.append((time.perf_counter(), steps))
    spent = marks[-1][0] - marks[1][0]
    return spent / sum(steps for _, steps in marks[2:])


def _by_frames(clip: Path, gradient_fn: Gradient) -> Mapping[int, float]:
    """Return number of frames -> seconds until they were rendered."""
    start_time, elapsed = time.perf_counter(), {}
    for count, _ in enumerate(_frame_steps([f"input={clip}"], gradient_fn), start=1):
        elapsed[count] = time.perf_counter() - start_time
    return elapsed


def _frame_steps(words: Sequence[str], gradient_fn: Gradient) -> Iterator[float]:
    """Yield the gradient steps of each frame, weighted by their size's share of the frame."""
    source = harness.stage("source", words)
    for dreamt in harness.rendered(source, words, gradient_fn):
        yield dreamt.dream.steps


def _repeat_piece(clip: Path, output: Path) -> Path:
    """Write a piece of the clip over and over; every repetition costs the same. Return `output`."""
    words = ["-i", str(clip), "-frames:v", str(PERIOD), "-vf", "scale=160:-2", "-an"]
    piece = harness.write_clip(words, output.with_name("piece.mp4"))
    loops = ["-stream_loop", str(LONG // PERIOD - 1), "-i", str(piece)]
    return harness.write_clip([*loops, "-frames:v", str(LONG), "-c", "copy"], output)
