"""A video by its shots on two workers against one process; and what a job costs on each engine."""

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
from pipeline.recording.recording import FIGURES
from pipeline.report import frame_metrics
from pipeline.storage.work_dir import work_dir
from pipeline.sweep.plan import read_plan

SCRIPT = Path(__file__).parent.parent / "render_shots.py"
WORDS = ("width=640",)
LEAST = 20
"""Frames of a part: bikes.mp4 has five cuts in 250 frames."""
SLACK = 1.1
FEW, MANY = 2, 8
"""Jobs of two sweeps, whose difference is what a job costs."""
REPEATS = 3
ENGINES = {
    "one after the other": (),
    "local": ("hydra/launcher=local",),
    "gpus": ("hydra/launcher=gpus", "+hydra.launcher.ray.init.num_gpus=2"),
    "slurm": ("hydra/launcher=slurm", "hydra.launcher.cpus_per_task=1"),
}
"""Two GPUs that are none are named to Ray; a Slurm is asked if one is there."""
NEEDS = {"local": "joblib", "gpus": "ray"}


def run(out: Path, clip: Path | None) -> tuple[dict[str, object], dict[str, bool]]:
    """Return the figures, and which demands they meet."""
    clip = harness.needed(clip, "shots")
    told: dict[str, object] = {}
    met: dict[str, bool] = {}
    with tempfile.TemporaryDirectory(dir=out) as name:
        folder = Path(name)
        shutil.copy(clip, folder / "clip.mp4")
        told["shots"], met = _by_shots(folder)
        told["seconds a job"] = {
            engine: _overhead(folder, words) for engine, words in ENGINES.items() if _there(engine)
        }
    print(f"seconds a job: {told['seconds a job']}")
    return told, met


def _by_shots(folder: Path) -> tuple[dict[str, float], dict[str, bool]]:
    """Return one process with a thread, one with two, and two workers with a thread each."""
    dreamreel = [sys.executable, "-m", "pipeline", "input=clip.mp4", *WORDS]
    one = _timed([*dreamreel, "output=one.mp4"], folder, threads=1)
    both = _timed([*dreamreel, "output=both.mp4"], folder, threads=2)
    words = ["input=clip.mp4", *WORDS, "output=shots.mp4", "hydra/launcher=local", "--least"]
    shots = _timed([sys.executable, str(SCRIPT), *words, str(LEAST)], folder, threads=1)
    sweep = folder / "shots.mp4.shots"
    jobs = [sweep / job.name for job in read_plan(sweep).jobs]
    rows = [frame_metrics.read_rows(work_dir(job / "dream.mp4") / FIGURES) for job in jobs]
    work = sum(row["seconds"]["total"] for row in itertools.chain(*rows))
    found = {
        "parts": len(jobs),
        "one process, one thread": one,
        "one process, two threads": both,
        "two workers": shots,
        "work in the parts": work,
    }
    for label, value in found.items():
        print(f"{label}: {value:.1f}")
    same = (folder / "one.mp4").read_bytes() == (folder / "shots.mp4").read_bytes()
    return found, {
        "the bytes are those of one process": same,
        f"two workers take {shots / both:.3f} <= {SLACK} times as long as one process with both "
        f"cores (half of the work in the parts is {work / 2 / both:.3f})": shots <= SLACK * both,
    }


def _overhead(folder: Path, words: tuple[str, ...]) -> float:
    """Return seconds that a sweep takes longer for each job, if a job does next to nothing."""
    spans = []
    for _ in range(REPEATS):
        few, many = (_sweep(folder, words, jobs) for jobs in (FEW, MANY))
        spans.append((many - few) / (MANY - FEW))
    return round(statistics.median(spans), 2)


def _sweep(folder: Path, words: tuple[str, ...], jobs: int) -> float:
    seeds = f"seed={','.join(map(str, range(jobs)))}"
    little = ("input=clip.mp4", "dreamer=none", "frames=1", "width=64", "sweep=jobs", seeds)
    seconds = _timed([sys.executable, "-m", "pipeline", "-m", *words, *little], folder, threads=1)
    shutil.rmtree(folder / "jobs")
    return seconds


def _there(engine: str) -> bool:
    if engine == "slurm":
        return shutil.which("sbatch") is not None
    return engine not in NEEDS or find_spec(NEEDS[engine]) is not None


def _timed(command: list[str], folder: Path, *, threads: int) -> float:
    """Return seconds that the command takes."""
    environment: Mapping[str, str] = {**os.environ, "OMP_NUM_THREADS": str(threads)}
    began = time.monotonic()
    subprocess.run(
        command,
        cwd=folder,
        env=environment,
        check=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    return time.monotonic() - began
