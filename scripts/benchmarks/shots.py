"""Time of a video split into shots on two workers, and overhead of a job on each launcher."""

from __future__ import annotations

import itertools
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path

from benchmarks import harness
from pipeline.recording.work_files import FIGURES
from pipeline.report import frame_metrics
from pipeline.storage.work_dir import work_dir
from pipeline.sweep.plan import read_plan

SCRIPT = Path(__file__).parent.parent / "render_shots.py"
WORDS = ("width=640",)
LEAST = 20
"""Minimum frames of a part: bikes.mp4 has five cuts in 250 frames."""
SLACK = 1.1
FEW, MANY = 2, 8
"""Numbers of jobs of two sweeps; the difference of their times gives the time of a job."""
REPEATS = 3
ENGINES = {
    "one after the other": (),
    "local": ("hydra/launcher=local",),
    "gpus": ("hydra/launcher=gpus", "+hydra.launcher.ray.init.num_gpus=2"),
    "slurm": ("hydra/launcher=slurm", "hydra.launcher.cpus_per_task=1"),
}
"""Launcher -> its settings. Ray is told of two GPUs that do not exist; Slurm is used if present."""
NEEDS = {"local": "joblib", "gpus": "ray"}


def run(out: Path, clip: Path | None) -> tuple[dict[str, object], dict[str, bool]]:
    """Return the results, and requirement -> whether it is met."""
    clip = harness.needed(clip, "shots")
    results: dict[str, object] = {}
    checks: dict[str, bool] = {}
    with tempfile.TemporaryDirectory(dir=out) as name:
        folder = Path(name)
        shutil.copy(clip, folder / "clip.mp4")
        results["shots"], checks = _compare(folder)
        results["seconds a job"] = {
            engine: _overhead(folder, words)
            for engine, words in ENGINES.items()
            if _is_available(engine)
        }
    return results, checks


def _compare(folder: Path) -> tuple[dict[str, float], dict[str, bool]]:
    """Compare one process with one thread, one with two, and two workers with one thread each."""
    dreamreel = [sys.executable, "-m", "pipeline", "input=clip.mp4", *WORDS]
    one = _run([*dreamreel, "output=one.mp4"], folder, threads=1)
    both = _run([*dreamreel, "output=both.mp4"], folder, threads=2)
    words = ["input=clip.mp4", *WORDS, "output=shots.mp4", "hydra/launcher=local", "--least"]
    shots = _run([sys.executable, str(SCRIPT), *words, str(LEAST)], folder, threads=1)
    sweep = folder / "shots.mp4.shots"
    jobs = [sweep / job.name for job in read_plan(sweep).jobs]
    rows = [frame_metrics.read_rows(work_dir(job / "dream.mp4") / FIGURES) for job in jobs]
    work = sum(row["seconds"]["total"] for row in itertools.chain(*rows))
    measurements = {
        "parts": len(jobs),
        "one process, one thread": one,
        "one process, two threads": both,
        "two workers": shots,
        "work in the parts": work,
    }
    same = (folder / "one.mp4").read_bytes() == (folder / "shots.mp4").read_bytes()
    return measurements, {
        "the bytes are those of one process": same,
        f"two workers take {shots / both:.3f} <= {SLACK} times as long as one process with both "
        f"cores (half of the work in the parts is {work / 2 / both:.3f})": shots <= SLACK * both,
    }


def _overhead(folder: Path, words: tuple[str, ...]) -> float:
    """Return the seconds that each further job adds to a sweep whose jobs do almost nothing."""
    spans = []
    for _ in range(REPEATS):
        few, many = (_run_sweep(folder, words, jobs) for jobs in (FEW, MANY))
        spans.append((many - few) / (MANY - FEW))
    return round(statistics.median(spans), 2)


def _run_sweep(folder: Path, words: tuple[str, ...], jobs: int) -> float:
    seeds = f"seed={','.join(map(str, range(jobs)))}"
    settings = ("input=clip.mp4", "dreamer=none", "frames=1", "width=64", "sweep=jobs", seeds)
    seconds = _run([sys.executable, "-m", "pipeline", "-m", *words, *settings], folder, threads=1)
    shutil.rmtree(folder / "jobs")
    return seconds


def _is_available(engine: str) -> bool:
    if engine == "slurm":  # installed, and a cluster answers
        return (
            shutil.which("sinfo") is not None
            and not subprocess.run(["sinfo"], capture_output=True, check=False).returncode
        )
    return engine not in NEEDS or find_spec(NEEDS[engine]) is not None


def _run(command: list[str], folder: Path, *, threads: int) -> float:
    """Run the command; return the seconds that it took."""
    environment: Mapping[str, str] = {**os.environ, "OMP_NUM_THREADS": str(threads)}
    start = time.monotonic()
    subprocess.run(
        command,
        cwd=folder,
        env=environment,
        check=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    return time.monotonic() - start
