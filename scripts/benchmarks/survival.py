"""Whether memory, open files, threads and time per frame of a long render stay constant.

Also the cost of saving checkpoints.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
import torch

from benchmarks import harness
from pipeline.frame import Clip
from pipeline.recording.fingerprint import Fingerprint
from pipeline.recording.recording import Recording, Saving
from pipeline.recording.work_files import FIGURES
from pipeline.state import State
from pipeline.storage.work_dir import work_dir

FRAMES = 10_000
SIZE = "96x64"
WORDS = (
    "dreamer.octaves=1",
    "dreamer.iterations=1",
    "dreamer.upkeep_iterations=1",
    "objective.layers=[blocks.2]",
    "save_seconds=5",
)
"""Settings of the cheapest dream, saved twelve times as often as by default."""
EARLY, LATE = range(1000, 3000, 250), range(8000, 10_000, 250)
"""Frames that are compared, in spans of 250: the median span is not affected by short bursts of
other load on the machine.
"""
PAUSE = 0.25
"""Seconds between two samples of the process."""
SAVED = Clip(272, 640, Fraction(25))
"""The size at which saving is timed."""
SAVES = 30


@dataclass(frozen=True)
class Sample:
    """A sample of a render: time, frames done, memory in bytes, open files, threads, children."""

    seconds: float
    frames: int
    memory: int
    files: int
    threads: int
    children: int


def run(out: Path, clip: Path | None) -> tuple[dict[str, object], dict[str, bool]]:
    """Return results early and late in the render, and requirement -> whether it is met."""
    test = ["-f", "lavfi", "-i", f"testsrc2=s={SIZE}:r=25", "-frames:v", str(FRAMES)]
    source = harness.write_clip([*test, "-c:v", "ffv1"], out / "long.mkv")
    results: dict[str, object] = {}
    checks: dict[str, bool] = {}
    for name, words in (("dreamt", WORDS), ("passed", ("dreamer=none", "save_seconds=5"))):
        looks = _sample_render(source, out / f"{name}.mp4", words)
        early, late = (_within(looks, some.start, some.stop) for some in (EARLY, LATE))
        for figure in ("memory", "files", "threads", "children"):
            one, other = (
                statistics.median(getattr(look, figure) for look in some) for some in (early, late)
            )
            results[f"{name} {figure}"] = one, other
            most = 1.05 if figure == "memory" else 1.0
            checks[f"{name}: {figure} grows by at most {most - 1:.0%} ({other / one - 1:+.2%})"] = (
                other <= most * one
            )
        one, other = (_pace(looks, some) for some in (EARLY, LATE))
        results[f"{name} seconds a frame"] = one, other
        checks[f"{name}: time a frame grows by at most 10 % ({other / one - 1:+.2%})"] = (
            other <= 1.1 * one
        )
    saving = _saving(out)
    results["seconds a save"] = saving
    every = harness.job().saving.seconds
    share = saving / every
    checks[f"saving takes {share:.3%} <= 1 % of the time"] = share <= 0.01
    return results, checks


def _saving(out: Path) -> float:
    """Return the median seconds of saving a checkpoint, after every sixth frame of noise."""
    draw, times = torch.Generator().manual_seed(0), []
    picture = np.random.default_rng(0).integers(0, 256, (SAVED.height, SAVED.width, 3), np.uint8)
    size, state = (SAVED.height, SAVED.width), State()
    with Recording(
        out / "saved.mp4",
        harness.stage("encoder"),
        SAVED,
        {},
        overwrite=True,
        fingerprint=Fingerprint(),
        saving=Saving(60, float("inf")),
        device=harness.CPU,
    ) as recording:
        for index in range(1, 6 * SAVES + 1):
            dream, maturity = (torch.rand(1, n, *size, generator=draw) for n in (3, 1))
            before, state = state, State(index, picture, dream, maturity)
            recording.add([picture], before, state)
            if index % 6 == 0:
                start_time = time.perf_counter()
                recording.save()
                times.append(time.perf_counter() - start_time)
        recording.finish([])
    return statistics.median(times)


def _sample_render(source: Path, output: Path, words: tuple[str, ...]) -> list[Sample]:
    """Render in a separate process; return samples of it from start to end."""
    command = [
        sys.executable,
        "-m",
        "pipeline",
        f"input={source}",
        f"output={output}",
        "overwrite=true",
        *words,
    ]
    rows = work_dir(output) / FIGURES
    looks: list[Sample] = []
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as child:
        home, frames, read = Path(f"/proc/{child.pid}"), 0, 0
        while child.poll() is None:
            time.sleep(PAUSE)
            try:
                with rows.open("rb") as file:
                    file.seek(read)
                    new = file.read()
                looks.append(_sample(home, frames + new.count(b"\n")))
            except (FileNotFoundError, ProcessLookupError):
                continue  # not started yet, or just finished
            frames, read = looks[-1].frames, read + len(new)
    assert child.returncode == 0
    return looks


def _sample(home: Path, frames: int) -> Sample:
    status = dict(line.split(":", 1) for line in (home / "status").read_text().splitlines())
    children = sum(len(task.read_text().split()) for task in home.glob("task/*/children"))
    return Sample(
        time.monotonic(),
        frames,
        1024 * int(status["VmRSS"].split()[0]),
        len(list((home / "fd").iterdir())),
        int(status["Threads"]),
        children,
    )


def _within(looks: list[Sample], first: int, end: int) -> list[Sample]:
    return [look for look in looks if first <= look.frames < end]


def _pace(looks: list[Sample], spans: range) -> float:
    """Return seconds per frame, the median over the spans."""
    within = (_within(looks, first, first + spans.step) for first in spans)
    return statistics.median(
        (some[-1].seconds - some[0].seconds) / (some[-1].frames - some[0].frames) for some in within
    )
