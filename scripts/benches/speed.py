"""What a whole render costs beside its gradient steps, and what memory a long one takes."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import torch

from benches import parts
from pipeline import ffmpeg
from pipeline.dreamer.octaves import resize
from pipeline.gradient import Gradient
from pipeline.recording import Recording
from pipeline.report import Report

ROUNDS = 3
FRAMES = 75
"""Frames of a timed render."""
PAUSE, SETTLE = 5, 1.0
"""Frames between two timings of the bare steps, and the seconds of rest before each."""
SHORT, LONG = 100, 1000
"""Frames of the two renders whose peak memory is compared."""
WIDTH = 160
"""Pixels, of those two: what they compare does not hang on the size."""


def run(out: Path, clip: Path | None) -> tuple[dict[str, object], dict[str, bool]]:
    """The figures, and which demands they meet. clip: a real one, bikes.mp4 say."""
    if clip is None:
        raise SystemExit("speed wants --clip FILE, a real video")
    ratios = []
    for turn in range(ROUNDS):
        wall, bare, stages = _round(clip, out / "speed.mp4")
        ratios.append(wall / bare)
        shares = ", ".join(f"{name} {seconds / bare:.3f}" for name, seconds in stages.items())
        print(f"round {turn + 1}: render / bare steps {ratios[-1]:.3f} ({shares})", flush=True)
    ratio = statistics.median(ratios)
    long_clip = _lengthened(clip, out / "long.mp4")
    memory = [_peak_memory(long_clip, out / "memory.mp4", frames) for frames in (SHORT, LONG)]
    growth = memory[1] / memory[0]
    held = [f"{frames} frames {bytes_ / 2**20:.0f} MiB"
            for frames, bytes_ in zip((SHORT, LONG), memory, strict=True)]  # fmt: skip
    print(f"peak memory: {', '.join(held)}")
    figures: dict[str, object] = {"ratios": ratios, "peak_memory_bytes": memory}
    return figures, {
        f"render over its bare gradient steps {ratio:.3f} <= 1.3": ratio <= 1.3,
        f"peak memory at {LONG} frames over {SHORT} {growth:.3f} <= 1.05": growth <= 1.05,
    }


def _round(clip: Path, output: Path) -> tuple[float, float, Mapping[str, float]]:
    """Seconds of a whole render, of its gradient steps on the bare network, and of its stages.

    Every few frames the render is paused and the bare steps are timed at each octave's size, so
    that a noisy machine weighs on both alike; the pauses are taken out of the render's time.
    """
    config = parts.settings([f"input={clip}", f"frames={FRAMES}"])
    slope, source = parts.gradient(config), parts.built(config, "source")
    sizes = parts.built(config, "dreamer").sizes(source.clip.height, source.clip.width)
    bare: dict[tuple[int, int], list[float]] = {size: [] for size in sizes}
    report = Report(source.clip, slope, parts.CPU)
    encoder = parts.built(config, "encoder")
    began, paused = time.perf_counter(), 0.0
    with Recording(output, encoder, source.clip, {}, overwrite=True) as recording:
        for dreamt in parts.rendered(source, config, slope, recording):
            report.add(dreamt)
            if dreamt.frame.index % PAUSE == PAUSE - 1:
                pause = time.perf_counter()
                time.sleep(SETTLE)  # decode and flow come to rest, a few frames ahead
                for size, seconds in bare.items():
                    seconds.append(_step_seconds(slope, resize(dreamt.canvas.picture, size)))
                paused += time.perf_counter() - pause
    wall = time.perf_counter() - began - paused
    steps = sum(statistics.median(bare[size]) * count for size, count in report.work.items())
    return wall, steps, report.seconds


def _step_seconds(slope: Gradient, image: torch.Tensor, repeats: int = 4) -> float:
    """Median seconds of one forward and backward pass over this image."""
    spent = []
    for _ in range(repeats):
        began = time.perf_counter()
        slope(image)
        spent.append(time.perf_counter() - began)
    return statistics.median(spent[1:])


def _lengthened(clip: Path, output: Path) -> Path:
    """The clip over and over, long enough."""
    with ffmpeg.running(
        ["-y", "-stream_loop", "40", "-i", str(clip), "-frames:v", str(LONG), "-an",
         "-vf", f"scale={WIDTH}:-2", str(output)],
    ) as process:  # fmt: skip
        process.popen.wait()
    return output


def _peak_memory(clip: Path, output: Path, frames: int) -> int:
    """The most bytes that a render of so many frames holds, in a process of its own."""
    words = [f"input={clip}", f"output={output}", f"frames={frames}", "overwrite=true"]
    subprocess.run([sys.executable, "-m", "pipeline", *words], check=True, capture_output=True)
    report = json.loads((output.with_name(output.name + ".render") / "report.json").read_text())
    assert report["frames"] == frames
    return int(report["peak_memory_bytes"])
