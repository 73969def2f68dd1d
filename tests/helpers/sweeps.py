"""Sweeps as `dreamreel -m` leaves them, without a render: for the tests of the gallery."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from helpers.clips import X264, run

from pipeline.gallery import write
from pipeline.gallery.cards import Card, cards, plan_of
from pipeline.storage.work_dir import work_dir
from pipeline.sweep.plan import JobState, Plan, Status, SweepJob, write_status

RECIPE = "input: clip.mp4\ndreamer:\n  _target_: pipeline.dreamer.octaves.Octaves\n  octaves: 4\n"
LOOKS = (["look=eyes", "seed=1"], ["look=lace", "seed=2"])
REPORT: dict[str, Any] = {
    "frames": 50, "rate": "25", "width": 160, "height": 90, "flicker": 0.0123,
    "gain": {"mean": 2.5, "min": 2.0, "max": 3.0, "first": 2.0, "last": 3.0},
    "seconds_per_frame": {"total": 1.25, "decode": 0.1},
}  # fmt: skip


def plan(sweep: Path, *jobs: Sequence[str]) -> tuple[SweepJob, ...]:
    """The jobs of a new sweep with these overrides, each with its folder."""
    made = Plan.of(jobs)
    sweep.mkdir(exist_ok=True)
    made.write(sweep)
    for job in made.jobs:
        (sweep / job.name).mkdir()
    return made.jobs


def clip(
    path: Path, *options: str, colour: str = "red", seconds: float = 2, size: str = "160x90"
) -> Path:
    """A video of one colour, with something that moves in its upper left."""
    picture = f"color={colour}:s={size}:r=25:d={seconds}"
    moving = f"testsrc=s=32x32:r=25:d={seconds}"
    run("-f", "lavfi", "-i", picture, "-f", "lavfi", "-i", moving, "-filter_complex", "overlay",
        *(options or X264), f"file:{path}")  # fmt: skip
    return path


def finish(
    job: Path, media: Path, *, name: str = "dream.mp4", line: str = "50 frames", **report: Any
) -> Path:
    """Let the job be done with a copy of that file as its output, and this in its report."""
    output = job / name
    shutil.copy(media, output)
    leave(job, Status(JobState.DONE, line, name, began=1.0, ended=2.0))
    (work_dir(output) / "report.json").write_text(json.dumps({**REPORT, **report}))
    return output


def leave(job: Path, status: Status) -> Path:
    """Leave the status, and the work folder of its output with a recipe; returns that folder."""
    write_status(job, status)
    work = work_dir(job / status.output)
    work.mkdir(exist_ok=True)
    (work / "recipe.yaml").write_text(RECIPE)
    return work


def run_on(job: Path, media: Path, done: int, frames: int = 50) -> None:
    """Let the job be at that frame, with a copy of the file as what is there so far.

    It is taken for running only as long as somebody holds its lock.
    """
    work = leave(job, Status(JobState.RUNNING, "", f"dream{media.suffix}", began=1.0))
    shutil.copy(media, work / f"partial{media.suffix}")
    told = {"done": done, "frames": frames, "seconds_per_frame": 1.5, "seconds_left": 45.0,
            "gain": 2.25}  # fmt: skip
    (work / "progress.json").write_text(json.dumps(told))


def found(sweep: Path) -> list[Card]:
    """The gallery's cards of it."""
    return list(cards(sweep, plan_of(sweep)))


def data_of(sweep: Path) -> dict[str, Any]:
    """What the page says, as its script reads it."""
    page = write(sweep).read_text("utf-8")
    (text,) = re.findall(r'<script id="data" type="application/json">(.*?)</script>', page)
    told: dict[str, Any] = json.loads(text)
    return told


def first(sweep: Path) -> Path:
    """The folder of the first of LOOKS."""
    return sweep / "look=eyes,seed=1"
