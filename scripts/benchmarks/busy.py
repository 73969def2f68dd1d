"""Seconds per frame on a quiet machine, next to a busy process, and next to a second render.

Also a sweep of four jobs, two at a time, compared with one after another.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from benchmarks import harness
from pipeline.runtime.threads import AUTOMATIC, NUMBER, WAITING

ROUNDS = 3
FRAMES = 20
"""Frames of a timed render."""
SIZE = ("width=480", "height=360")
BUSY = "while True: pass"
"""A process that keeps one core busy."""
WORDS = (f"frames={FRAMES}", *SIZE)
"""Settings of a timed render."""
SWEEP = ("frames=8", *SIZE, "seed=1,2,3,4")
"""Settings of the sweep."""


def run(out: Path, clip: Path | None) -> tuple[dict[str, object], dict[str, bool]]:
    """Return the results, and requirement -> whether it is met. clip: bikes.mp4."""
    clip = harness.needed(clip, "busy").resolve()
    seconds: dict[str, list[float]] = {"quiet": [], "busy": [], "two": []}
    sweeps: dict[str, list[float]] = {"local": [], "basic": []}
    for turn in range(ROUNDS):
        seconds["quiet"].append(max(renders(clip, out, 1, WORDS)))
        with _busy_process():
            seconds["busy"].append(max(renders(clip, out, 1, WORDS)))
        seconds["two"].append(max(renders(clip, out, 2, WORDS)))
        for launcher, durations in sweeps.items():
            durations.append(_sweep_seconds(clip, out, launcher))
        print(
            f"round {turn + 1}: seconds per frame "
            + ", ".join(f"{name} {values[-1]:.3f}" for name, values in seconds.items())
            + ", sweep "
            + ", ".join(f"{name} {values[-1]:.1f} s" for name, values in sweeps.items()),
            flush=True,
        )
    medians = {name: statistics.median(values) for name, values in (seconds | sweeps).items()}
    busy, two = medians["busy"] / medians["quiet"], medians["two"] / medians["quiet"]
    sweep = medians["local"] / medians["basic"]
    results: dict[str, object] = {"seconds_per_frame": seconds, "sweep_seconds": sweeps}
    return results, {
        f"next to one busy process over quiet {busy:.2f} <= 1.6": busy <= 1.6,
        f"each of two renders over quiet {two:.2f} <= 2.3": two <= 2.3,
        f"a sweep two at a time over one after another {sweep:.2f} <= 0.95": sweep <= 0.95,
    }


def _environment() -> dict[str, str]:
    """Return the environment without variables that choose threads or waiting."""
    chosen = (NUMBER, AUTOMATIC, *WAITING)
    return {name: value for name, value in os.environ.items() if name not in chosen}


def renders(clip: Path, out: Path, count: int, settings: Sequence[str]) -> list[float]:
    """Return the seconds per frame of `count` renders that are started at the same time."""
    outputs = [out / f"busy-{number}.mp4" for number in range(count)]
    words = [f"input={clip}", *settings, "overwrite=true"]
    processes = [
        subprocess.Popen(
            [sys.executable, "-m", "pipeline", *words, f"output={output}"],
            env=_environment(),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        for output in outputs
    ]
    for process in processes:
        if process.wait():
            raise RuntimeError(f"a render ended with exit code {process.returncode}")
    reports = [
        json.loads(Path(f"{output}.render", "report.json").read_text()) for output in outputs
    ]
    return [float(report["seconds_per_frame"]["total"]) for report in reports]


@contextmanager
def _busy_process() -> Iterator[None]:
    """Keep one core busy while the block runs."""
    with subprocess.Popen([sys.executable, "-c", BUSY]) as process:
        time.sleep(0.5)
        try:
            yield
        finally:
            process.kill()


def _sweep_seconds(clip: Path, out: Path, launcher: str) -> float:
    """Return the seconds of a sweep of four jobs with this launcher."""
    folder = out / f"busy-sweep-{launcher}-{time.monotonic_ns()}"
    words = ["-m", f"input={clip}", *SWEEP, f"sweep={folder}", f"hydra/launcher={launcher}"]
    start = time.perf_counter()
    subprocess.run(
        [sys.executable, "-m", "pipeline", *words],
        check=True,
        env=_environment(),
        capture_output=True,
    )
    return time.perf_counter() - start
