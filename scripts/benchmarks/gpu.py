"""Complete frames on an NVIDIA GPU: speed, how busy the GPU is, memory, and what must still hold.

Two renders at once, a render that is killed and resumed, and one that runs out of memory.
"""

from __future__ import annotations

import filecmp
import subprocess
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import torch
from torch.profiler import ProfilerActivity, profile

from benchmarks import harness
from benchmarks.busy import renders
from benchmarks.speed import bare_seconds
from benchmarks.tables.gpu import HEAD, STAGES, row
from pipeline.errors import UserError
from pipeline.recording.work_files import FIGURES
from pipeline.render import RenderedFrame
from pipeline.storage.work_dir import work_dir

SIZES = ((640, 272), (1280, 720), (1920, 1080))
"""Width and height in pixels."""
MOST_OVER_STEPS = {(640, 272): 1.4, (1920, 1080): 1.25}
"""Size -> the most that a frame may take over its gradient steps."""
LEAST_BUSY = 0.8
"""Smallest share of the time in which the GPU should compute."""
QUALITIES = ("draft", "normal", "fine")
WARM, TIMED, TRACED = 12, 20, 8
"""Frames of a render: those left out at its start, those timed, and those traced after that."""
TWO = (640, 272, 60)
"""Width, height and number of frames of the renders that run at the same time."""
KILLED = (640, 272, 40)
"""Width, height and number of frames of the render that is killed half way."""
SHORT_OF_MEMORY = 0.6
"""Share of the memory of a render that the render in tiles may use."""


def run(out: Path, clip: Path | None) -> tuple[dict[str, object], dict[str, bool]]:
    """Return the results, and requirement -> whether it is met. clip: bikes.mp4."""
    if harness.device.type != "cuda":
        raise UserError(f"--device: must be cuda for gpu, got {harness.device}; add --device cuda")
    clip = harness.needed(clip, "gpu").resolve()
    print(*HEAD, sep="  ")
    renders_by_name: dict[str, Mapping[str, float]] = {}
    checks: dict[str, bool] = {}
    for width, height in SIZES:
        for quality in QUALITIES:
            for graphs in ("graphs", "none") if quality == "normal" else ("graphs",):
                name = f"{width}x{height}, {quality}, compile={graphs}"
                words = [f"width={width}", f"height={height}", "dream_width=null"]
                words += [f"quality={quality}", f"compile={graphs}"]
                measured = timed_render(clip, out / "gpu.mp4", words)
                renders_by_name[name] = measured
                print(*row(name, measured), sep="  ", flush=True)
                most = MOST_OVER_STEPS.get((width, height))
                if most is not None and (quality, graphs) == ("normal", "graphs"):
                    checks |= {
                        f"{name}: a frame over its steps {measured['over_steps']:.2f} <= {most}": (
                            measured["over_steps"] <= most
                        ),
                        f"{name}: the GPU computes {measured['busy']:.0%} >= {LEAST_BUSY:.0%}": (
                            measured["busy"] >= LEAST_BUSY
                        ),
                    }
    alone, together = (max(renders(clip, out, count, _settings(*TWO))) for count in (1, 2))
    resumed, tiled = killed_and_resumed(clip, out), short_of_memory(clip, out)
    results: dict[str, object] = {
        "renders": renders_by_name,
        "seconds per frame, alone and each of two": [alone, together],
        "resumed bytes are the same": resumed,
        "tiles when memory is short": tiled,
    }
    return results, checks | {
        f"each of two renders over one alone {together / alone:.2f} <= 2": together <= 2 * alone,
        "killed and resumed: the same bytes": resumed,
        f"with {SHORT_OF_MEMORY:.0%} of its memory a render ends, in tiles": tiled,
    }


def timed_render(clip: Path, output: Path, words: Sequence[str]) -> Mapping[str, float]:
    """Return the measurements of a render with these settings.

    They are seconds per frame in all and by stage, steps per frame, over_steps (a frame relative to
    its bare gradient steps), busy (share of the time in which the GPU computes; NaN on a CPU) and
    bytes (peak memory).
    """
    words = (f"input={clip}", f"frames={WARM + TIMED + TRACED}", *words)
    gradient_fn, source = harness.gradient(words), harness.stage("source", words)
    on_gpu = harness.device.type == "cuda"
    trace = profile(activities=[ProfilerActivity.CUDA if on_gpu else ProfilerActivity.CPU])
    if on_gpu:
        torch.cuda.reset_peak_memory_stats(harness.device)
    ends: list[float] = []
    work: Counter[tuple[int, int]] = Counter()
    stages: dict[str, float] = defaultdict(float)

    def look(frame: RenderedFrame) -> None:
        ends.append(time.perf_counter())
        if WARM < len(ends) <= WARM + TIMED:
            work.update(frame.dream.work)
            for name, (start, end) in frame.spans.items():
                stages[name] += end - start
        if len(ends) == WARM + TIMED:
            trace.start()

    figures, _ = harness.recorded(words, gradient_fn, source, output, look)
    trace.stop()
    seconds = (ends[WARM + TIMED - 1] - ends[WARM - 1]) / TIMED
    sizes = {f"{width}x{height}": count for (height, width), count in work.items()}
    bare = bare_seconds(gradient_fn, source, sizes) / TIMED
    busy = covered(_kernels(trace)) / TRACED / seconds if on_gpu else float("nan")
    return {
        "seconds": seconds,
        **{stage: stages[stage] / TIMED for stage in STAGES},
        "steps": sum(work.values()) / TIMED,
        "over_steps": seconds / bare,
        "busy": busy,
        "bytes": figures["peak_memory_bytes"],
    }


def _kernels(trace: profile) -> Iterator[tuple[float, float]]:
    """Yield start and end, in seconds, of everything that the GPU executed."""
    for event in trace.events():  # type: ignore[no-untyped-call]
        if event.device_type.name == "CUDA":
            yield 1e-6 * event.time_range.start, 1e-6 * event.time_range.end


def covered(spans: Iterator[tuple[float, float]] | Sequence[tuple[float, float]]) -> float:
    """Return the total length of the union of these (start, end) spans."""
    length, until = 0.0, float("-inf")
    for start, end in sorted(spans):
        length += max(0.0, end - max(start, until))
        until = max(until, end)
    return length


def killed_and_resumed(clip: Path, out: Path) -> bool:
    """Return whether a render that is killed half way and resumed has the bytes of one that ran
    through.
    """
    words = (f"input={clip}", *_settings(*KILLED), "save_seconds=0.5")
    whole, resumed = out / "whole.mp4", out / "resumed.mp4"
    _run(words, whole, "overwrite=true")
    metrics = work_dir(resumed) / FIGURES
    metrics.unlink(missing_ok=True)

    def half_done() -> bool:
        return metrics.exists() and metrics.read_bytes().count(b"\n") >= KILLED[-1] // 2

    resumed.unlink(missing_ok=True)
    _run(words, resumed, "overwrite=true", kill_when=half_done)
    _run(words, resumed)
    return filecmp.cmp(whole, resumed, shallow=False)


def short_of_memory(clip: Path, out: Path) -> bool:
    """Return whether a render that may use too little memory ends, in tiles."""
    width, height = SIZES[-1]
    words = [f"input={clip}", f"width={width}", f"height={height}", "dream_width=null", "frames=2"]
    gradient_fn, source = harness.gradient(words), harness.stage("source", words)
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats(harness.device)
    harness.recorded(words, gradient_fn, source, out / "untiled.mp4")
    need = torch.cuda.max_memory_allocated(harness.device)
    del gradient_fn  # with its recorded graphs, which keep their memory
    torch.cuda.empty_cache()
    total = torch.cuda.get_device_properties(harness.device).total_memory
    torch.cuda.set_per_process_memory_fraction(SHORT_OF_MEMORY * need / total, harness.device)
    tiled = []
    try:
        gradient_fn = harness.gradient(words)
        harness.recorded(
            words,
            gradient_fn,
            source,
            out / "tiled.mp4",
            lambda frame: tiled.append(frame.gradient.is_tiled(frame.image)),
        )
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0, harness.device)
    return tiled == [True, True]


def _settings(width: int, height: int, frames: int) -> tuple[str, ...]:
    """Return the settings of a render in a process of its own."""
    return f"width={width}", f"height={height}", f"frames={frames}", f"device={harness.device}"


def _run(
    words: Sequence[str], output: Path, *more: str, kill_when: Callable[[], bool] | None = None
) -> None:
    """Render in a process of its own. kill_when: kill it with SIGKILL as soon as this is true."""
    command = [sys.executable, "-m", "pipeline", *words, f"output={output}", *more]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        while kill_when is not None and process.poll() is None:
            if kill_when():
                process.kill()
                return
            time.sleep(0.05)
    if kill_when is not None or process.returncode:
        raise RuntimeError(f"a render ended with exit code {process.returncode}")
