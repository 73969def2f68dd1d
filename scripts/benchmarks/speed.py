"""Time of a whole render relative to its gradient steps, and memory of a long render."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

from benchmarks import harness
from benchmarks.tables.speed import LONG, SHORT
from pipeline.frame import to_image
from pipeline.gradient import Gradient
from pipeline.imaging.resizing import resize
from pipeline.source import Source

ROUNDS = 3
FRAMES = 45
"""Frames of a timed render."""
WIDTH = 160
"""Width in pixels of the renders whose peak memory is compared: its growth does not depend on the
size.
"""


def run(out: Path, clip: Path | None) -> tuple[dict[str, object], dict[str, bool]]:
    """Return the results, and requirement -> whether it is met. clip: bikes.mp4."""
    clip = harness.needed(clip, "speed")
    ratios = _ratios(clip, out / "speed.mp4")
    ratio = statistics.median(ratios)
    long_clip = _repeat_clip(clip, out / "long.mp4")
    memory = [_peak_memory(long_clip, out / "memory.mp4", frames) for frames in (SHORT, LONG)]
    growth = memory[1] / memory[0]
    results: dict[str, object] = {"ratios": ratios, "peak_memory_bytes": memory}
    return results, {
        f"render over its bare gradient steps {ratio:.3f} <= 1.3": ratio <= 1.3,
        f"peak memory at {LONG} frames over {SHORT} {growth:.3f} <= 1.05": growth <= 1.05,
    }


def _ratios(clip: Path, output: Path) -> list[float]:
    """Return, for each round, the time of a render over that of its bare gradient steps.

    The same number of bare steps at every size is run before and after each render: long enough,
    and near enough in time, that other load on the machine affects both alike. The render itself is
    never paused, because decoding and flow would run ahead meanwhile.
    """
    words = [f"input={clip}", f"frames={FRAMES}"]
    gradient_fn, source = harness.gradient(words), harness.stage("source", words)
    metrics, _ = harness.recorded(
        words, gradient_fn, source, output
    )  # warms up and counts the steps
    before, ratios = bare_seconds(gradient_fn, source, metrics["steps_at_size"]), []
    for turn in range(ROUNDS):
        metrics, wall = harness.recorded(words, gradient_fn, source, output)
        after = bare_seconds(gradient_fn, source, metrics["steps_at_size"])
        bare = (before + after) / 2
        ratios.append(wall / bare)
        shares = ", ".join(
            f"{name} {spent * metrics['frames'] / bare:.3f}"
            for name, spent in metrics["seconds_per_frame"].items()
        )
        print(
            f"round {turn + 1}: render / bare steps {ratios[-1]:.3f} ({shares}), "
            f"bare steps behind / before {after / before:.3f}",
            flush=True,
        )
        before = after
    return ratios


def bare_seconds(gradient_fn: Gradient, source: Source, work: Mapping[str, int]) -> float:
    """Return the seconds of these forward and backward passes, without anything else.

    work: number of passes by size, as in report.json: "640x272" -> 12.
    """
    first = next(source.pictures())
    assert first is not None
    picture = to_image(first, harness.device)
    seconds = 0.0
    for size, count in work.items():
        width, height = map(int, size.split("x"))
        image = resize(picture, (height, width))
        for _ in range(2):  # the first pass at a size takes longer; the second is recorded on a GPU
            gradient_fn(image)
        harness.wait()
        start = time.perf_counter()
        for _ in range(count):
            gradient_fn(image)
        harness.wait()
        seconds += time.perf_counter() - start
    return seconds


def _repeat_clip(clip: Path, output: Path) -> Path:
    """Write the clip repeated to LONG frames. Return `output`."""
    words = ["-stream_loop", "40", "-i", str(clip), "-frames:v", str(LONG), "-an"]
    return harness.write_clip([*words, "-vf", f"scale={WIDTH}:-2"], output)


def _peak_memory(clip: Path, output: Path, frames: int) -> int:
    """Return the peak memory in bytes of a render of this number of frames, in its own process."""
    words = [f"input={clip}", f"output={output}", f"frames={frames}", "overwrite=true"]
    subprocess.run([sys.executable, "-m", "pipeline", *words], check=True, capture_output=True)
    report = json.loads((output.with_name(output.name + ".render") / "report.json").read_text())
    assert report["frames"] == frames
    return int(report["peak_memory_bytes"])
