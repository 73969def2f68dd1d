"""What a whole render costs beside its gradient steps, and what memory a long one takes."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from benches import parts
from pipeline import ffmpeg, job
from pipeline.dreamer.octaves import resize
from pipeline.frame import to_image
from pipeline.gradient import Gradient

ROUNDS = 3
FRAMES = 75
"""Frames of a timed render."""
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

    The bare steps are timed before and after the render, so that a busy machine weighs on both.
    """
    config = parts.settings([f"input={clip}", f"frames={FRAMES}"])
    slope = parts.gradient(config)
    source = parts.built(config, "source")
    first = to_image(next(source.pictures()), parts.CPU)
    sizes = parts.built(config, "dreamer").sizes(*first.shape[2:])
    before = [_step_seconds(slope, resize(first, size)) for size in sizes]
    names = ("cuts", "flow", "camera", "warp", "dreamer", "encoder")
    members = {name: parts.built(config, name) for name in names}
    everything = job.Parts(source, objective=slope.objective, model=slope.model, **members)
    began = time.perf_counter()
    outcome = job.run(
        everything, output=output, overwrite=True, seed=0, device=parts.CPU, settings="bench"
    )
    wall = time.perf_counter() - began
    figures: Any = outcome.figures
    frames = figures["frames"]
    bare = 0.0
    for size, earlier in zip(sizes, before, strict=True):
        seconds = (earlier + _step_seconds(slope, resize(first, size))) / 2
        bare += seconds * figures["steps_at_size"][f"{size[1]}x{size[0]}"]
    stages = {name: s * frames for name, s in figures["seconds_per_frame"].items()}
    return wall, bare, stages


def _step_seconds(slope: Gradient, image: torch.Tensor, repeats: int = 15) -> float:
    """Median seconds of one forward and backward pass over this image."""
    spent = []
    for _ in range(repeats):
        began = time.perf_counter()
        slope(image)
        spent.append(time.perf_counter() - began)
    return statistics.median(spent[2:])


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
