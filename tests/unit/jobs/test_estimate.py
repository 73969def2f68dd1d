"""What a render would take, told beforehand: the very steps that it then takes."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers.clips import FFV1, counted, feedback, video, write
from helpers.command_line import files, rendered, run
from helpers.picture_files import save
from helpers.scenes import pan
from helpers.stages import job_of, part, pipeline_of, stages

from pipeline.jobs.estimate import LONG, WINDOWS, estimate
from pipeline.jobs.forecast import FILE, Forecast, read_forecast, total_line
from pipeline.jobs.job import Job
from pipeline.jobs.job import run as render
from pipeline.report.progress import clock
from pipeline.seamless_loop import SeamlessLoop

LITTLE = ("dreamer.octaves=2", "dreamer.iterations=2", "width=160")


def job(source: Any, folder: Path, camera: str = "still", overlap: int = 0) -> Job:
    """A render by the toy network."""
    now = stages(camera=camera, dreamer=part("dreamer", "octaves", octaves=2, iterations=4))
    pipeline = pipeline_of(
        source,
        now,
        cuts=part("cuts", "adaptive"),
        flow=part("flow", "dis"),
        loop=SeamlessLoop(overlap, source.clip.count),
    )
    return job_of(pipeline, folder / "x.mp4")


def footage(path: Path, count: int) -> Path:
    """A pan, and behind a cut another, as long."""
    shots = [np.stack(pan(count // 2, height=64, width=64, velocity=move, seed=seed))
             for move, seed in (((2, 1), 0), ((0, 1), 7))]  # fmt: skip
    write(path, list(np.concatenate([shots[0], shots[1] // 2])), *FFV1)
    return path


@pytest.mark.slow
def test_of_a_short_video_the_steps_are_those_that_it_takes(tmp_path: Path) -> None:
    whole = job(video(footage(tmp_path / "clip.mkv", 40)), tmp_path)
    told = estimate(whole)
    assert list(tmp_path.iterdir()) == [tmp_path / "clip.mkv"]
    came = render(whole).figures
    assert told.frames == came["frames"] == 40
    assert told.steps == pytest.approx(came["steps_per_frame"], abs=1e-3)
    assert came["cuts"] == [20]  # whose steps are among them
    assert told.seconds > 0
    assert told.memory > 1e8
    assert told.size is not None
    assert 0.3 < told.size / (tmp_path / "x.mp4").stat().st_size < 3


def test_two_passes_take_memory_for_the_frames_ahead(tmp_path: Path) -> None:
    one = job(video(footage(tmp_path / "clip.mkv", 40)), tmp_path)
    two = replace(one, pipeline=replace(one.pipeline, passes=2))
    once, twice = estimate(one), estimate(two)
    assert once.steps == twice.steps
    # 48 frames of 64x64 pixels take 4 MB
    assert twice.memory - once.memory > 3e6


@pytest.mark.slow
def test_of_a_long_one_stretches_tell(tmp_path: Path) -> None:
    count = 2 * WINDOWS * LONG
    whole = job(video(footage(tmp_path / "clip.mkv", count)), tmp_path)
    told = estimate(whole)
    came = render(whole).figures
    assert told.frames == came["frames"] == count
    assert told.steps == pytest.approx(came["steps_per_frame"], rel=0.15)


def test_a_zoom_goes_on_as_it_begins(tmp_path: Path) -> None:
    source = feedback(frames=500)
    told = estimate(job(source, tmp_path, "zoom"))
    assert (told.frames, told.steps) == (500, pytest.approx(4 + 4 / 1.4**2, abs=0.1))


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["video", "zoom"])
def test_a_loop_that_shares_more_frames_than_are_tried_is_told(tmp_path: Path, kind: str) -> None:
    if kind == "zoom":
        looped = job(feedback(frames=100), tmp_path, "zoom", overlap=30)
    else:
        looped = job(video(footage(tmp_path / "clip.mkv", 100)), tmp_path, overlap=30)
    told = estimate(looped)
    assert told.frames == 100
    assert told.size is not None


def test_a_single_picture_has_no_size_yet(tmp_path: Path) -> None:
    told = estimate(job(video(footage(tmp_path / "clip.mkv", 4), frames=1), tmp_path))
    assert (told.frames, told.size) == (1, None)


@pytest.mark.slow
def test_it_is_said_in_a_line_and_nothing_is_made(tmp_path: Path) -> None:
    folder = tmp_path / "clips"
    folder.mkdir()
    counted(folder / "clip.mp4", frames=5)
    ran = rendered("input=clip.mp4", *LITTLE, "plan=true", cwd=folder)
    said = (
        r"clip\.dream\.mp4: would take about 5 frames, 0\.\d\d s per frame, \d+\.\d steps per "
        r"frame, \d+ s in total, \d\.\d GB of memory, \d+\.\d MB \(twice that while it is "
        r"joined\)\n"
    )
    assert re.fullmatch(said, ran.out), ran.out
    assert files(folder) == {"clip.mp4"}
    line = run("input=clip.mp4", "plan=5", cwd=folder).line
    assert line.startswith("plan: must be true or false, got 5")


def test_a_folder_of_stills_is_told_by_the_first(tmp_path: Path) -> None:
    folder = tmp_path / "clips"
    (folder / "shots").mkdir(parents=True)
    for index, side in enumerate((64, 64, 128)):
        save(folder / "shots" / f"{index}.png", np.full((side, side, 3), 99, np.uint8))
    (folder / "shots" / "3.png").write_text("no picture")
    ran = rendered("recipe=still", "input=shots", *LITTLE[:2], "plan=true", cwd=folder)
    assert ran.out.startswith("shots-dream: would take about 3 frames, ")


@pytest.mark.slow
def test_of_a_sweep_the_whole_is_said(tmp_path: Path) -> None:
    folder = tmp_path / "clips"
    folder.mkdir()
    counted(folder / "clip.mp4", frames=3)
    sweep = ("-m", "input=clip.mp4", *LITTLE, "seed=1,2", "plan=true", "sweep=x")
    ran = rendered(*sweep, cwd=folder)
    jobs = [read_forecast(folder / "x" / f"seed={seed}") for seed in (1, 2)]
    assert ran.out.splitlines()[-1].startswith("x: 2 of 2 jobs would take about ")
    assert ran.out.splitlines()[-1].endswith(total_line(job for job in jobs if job))
    assert not list(folder.rglob("dream.mp4*"))
    assert not list(folder.rglob("index.html"))
    ran = run(*sweep, "objective.layers=[nix]", cwd=folder)
    assert ran.code == 1
    assert ran.out.splitlines()[-1].startswith("x: 0 of 2 jobs would take about 0 s")


def test_a_forecast_is_read_as_it_was_written(tmp_path: Path) -> None:
    told = Forecast(7, 2.5, 61.2, 1_500_000_000, None)
    told.write(tmp_path)
    assert read_forecast(tmp_path) == told
    assert told.line(Path("x.png")) == (
        "x.png: would take about 7 frames, 8.74 s per frame, 2.5 steps per frame, 1 min 1 s in "
        "total, 1.5 GB of memory"
    )
    (tmp_path / FILE).write_text(json.dumps({"frames": 1}))
    assert read_forecast(tmp_path) is None
    assert read_forecast(tmp_path / "nix") is None
    assert [clock(seconds) for seconds in (0.4, 59.6, 3599, 7260)] == [
        "0 s", "1 min 0 s", "59 min 59 s", "2 h 1 min"
    ]  # fmt: skip
    unknown = Forecast(None, 2.5, 0.5, 10**9, 10**6)
    assert unknown.line(Path("x.mp4")) == (
        "x.mp4: would take about 0.50 s per frame, 2.5 steps per frame, 1.0 GB of memory, "
        "1.0 MB per frame (twice that while it is joined)"
    )
