"""The cost of a whole render beyond its gradient steps, and the memory of a long one."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

from benchmarks import harness
from pipeline.dreamer.octaves import resize
from pipeline.ffmpeg.process import running
from pipeline.frame import to_image
from pipeline.gradient import Gradient
from pipeline.source import Source

ROUNDS = 3
FRAMES = 45
"""Frames of a timed render."""
SHORT, LONG = 100, 1000
"""Frames of the two renders whose peak memory is compared."""
WIDTH = 160
"""Pixels, of those two: what they compare does not hang on the size."""


def run(out: Path, clip: Path | None) -> tuple[dict[str, object], dict[str, bool]]:
    """Return the figures, and which demands they meet. clip: a real one, bikes.mp4 say."""
    clip = harness.needed(clip, "speed")
    ratios = _ratios(clip, out / "speed.mp4")
    ratio = statistics.median(ratios)
    long_clip = _lengthened(clip, out / "long.mp4")
    memory = [_peak_memory(long_clip, out / "memory.mp4", frames) for frames in (SHORT, LONG)]
    growth = memory[1] / memory[0]
    held = [
        f"{frames} frames {bytes_ / 2**20:.0f} MiB"
        for frames, bytes_ in zip((SHORT, LONG), memory, strict=True)
    ]
    print(f"peak memory: {', '.join(held)}")
    figures: dict[str, object] = {"ratios": ratios, "peak_memory_bytes": memory}
    return figures, {
        f"render over its bare gradient steps {ratio:.3f} <= 1.3": ratio <= 1.3,
        f"peak memory at {LONG} frames over {SHORT} {growth:.3f} <= 1.05": growth <= 1.05,
    }


def _ratios(clip: Path, output: Path) -> list[float]:
    """Time of a whole render over that of its gradient steps on the bare network, each round.

    The very same number of steps at every size is walked again before and behind each render:
    long enough, and near enough, for a noisy machine to weigh on both alike. The render itself is
    never paused, or decode and flow would run ahead for nothing.
    """
    words = [f"input={clip}", f"frames={FRAMES}"]
    gradient_fn, source = harness.gradient(words), harness.stage("source", words)
    told, _ = harness.recorded(words, gradient_fn, source, output)  # warms up, and tells the steps
    before, ratios = _bare(gradient_fn, source, told["steps_at_size"]), []
    for turn in range(ROUNDS):
        told, wall = harness.recorded(words, gradient_fn, source, output)
        behind = _bare(gradient_fn, source, told["steps_at_size"])
        bare = (before + behind) / 2
        ratios.append(wall / bare)
        shares = ", ".join(
            f"{name} {spent * told['frames'] / bare:.3f}"
            for name, spent in told["seconds_per_frame"].items()
        )
        print(
            f"round {turn + 1}: render / bare steps {ratios[-1]:.3f} ({shares}), "
            f"bare steps behind / before {behind / before:.3f}",
            flush=True,
        )
        before = behind
    return ratios


def _bare(gradient_fn: Gradient, source: Source, work: Mapping[str, int]) -> float:
    """Return seconds of so many forward and backward passes at each size, and of nothing else.

    work: as report.json has it, by width and height: 640x272.
    """
    first = next(source.pictures())
    assert first is not None
    picture = to_image(first, harness.CPU)
    seconds = 0.0
    for size, count in work.items():
        width, height = map(int, size.split("x"))
        image = resize(picture, (height, width))
        gradient_fn(image)  # the first pass at a size is slower
        began = time.perf_counter()
        for _ in range(count):
            gradient_fn(image)
        seconds += time.perf_counter() - began
    return seconds


def _lengthened(clip: Path, output: Path) -> Path:
    """Return the clip over and over, long enough."""
    with running(
        [
            "-y",
            "-stream_loop",
            "40",
            "-i",
            str(clip),
            "-frames:v",
            str(LONG),
            "-an",
            "-vf",
            f"scale={WIDTH}:-2",
            str(output),
        ],
    ) as process:
        process.popen.wait()
    return output


def _peak_memory(clip: Path, output: Path, frames: int) -> int:
    """Return the most bytes that a render of so many frames holds, in a process of its own."""
    words = [f"input={clip}", f"output={output}", f"frames={frames}", "overwrite=true"]
    subprocess.run([sys.executable, "-m", "pipeline", *words], check=True, capture_output=True)
    report = json.loads((output.with_name(output.name + ".render") / "report.json").read_text())
    assert report["frames"] == frames
    return int(report["peak_memory_bytes"])
