"""A sweep by the command line: jobs by name, gone on with, and none that fails in silence."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import time
from pathlib import Path

import pytest
from helpers.clips import counted
from helpers.command_line import SECONDS, ended, files, rendered, run, spawn
from helpers.sampling import every

from pipeline.sweep.plan import JobState, read_plan, status_of

QUICK = ("input=clip.mp4", "dreamer=none", "sweep=mine")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a video of three frames."""
    (tmp_path / "here").mkdir()
    counted(tmp_path / "here" / "clip.mp4", frames=3)
    return tmp_path / "here"


def states(sweep: Path) -> dict[str, JobState]:
    """What became of each job."""
    return {job.name: status_of(sweep / job.name).state for job in read_plan(sweep).jobs}


def has_open(process: int, path: Path) -> bool:
    """Whether the process of that number has this file or folder open."""
    for file in Path(f"/proc/{process}/fd").iterdir():
        try:
            if file.readlink() == path:
                return True
        except FileNotFoundError:  # closed since it was listed
            continue
    return False


def test_each_job_has_a_folder_named_by_what_differs(folder: Path) -> None:
    ran = rendered("-m", *QUICK, "start=0,0.05", "width=64", "seed=1,2", cwd=folder)
    names = [f"start={start},seed={seed}" for start in ("0", "0.05") for seed in (1, 2)]
    assert [job.name for job in read_plan(folder / "mine").jobs] == names
    assert set(states(folder / "mine").values()) == {JobState.DONE}
    for name in names:
        assert (folder / "mine" / name / "dream.mp4").exists()
        assert files(folder / "mine" / name) == {
            "dream.mp4", "dream.mp4.render", "status.json",
            *(f"dream.mp4.render/{kept}" for kept in ("recipe.yaml", "render.log", "report.json")),
            "dream.mp4.render/source.mp4",
        }  # fmt: skip
    assert ran.out.splitlines()[-2:] == ["mine: 4 jobs: 4 done", "side by side: mine/index.html"]
    assert (folder / "mine" / "mosaic.mp4").exists()
    assert (folder / "mine" / "index.html").read_text().count("seed=2") > 0


@pytest.mark.slow
def test_a_sweep_without_a_name_lies_by_its_time(folder: Path) -> None:
    rendered("-m", "input=clip.mp4", "dreamer=none", "seed=1,2", cwd=folder)
    (sweep,) = (folder / "sweeps").iterdir()
    assert states(sweep) == {"seed=1": JobState.DONE, "seed=2": JobState.DONE}


@pytest.mark.slow
def test_what_is_done_stays_and_what_changed_is_done_anew(folder: Path) -> None:
    rendered("-m", *QUICK, "seed=1,2", cwd=folder)
    videos = [folder / "mine" / f"seed={seed}" / "dream.mp4" for seed in (1, 2)]
    before = [video.stat().st_ino for video in videos]
    again = rendered("-m", *QUICK, "seed=1,2", cwd=folder)
    assert again.out.count("(already done)") == 2
    assert [video.stat().st_ino for video in videos] == before
    videos[0].unlink()
    again = rendered("-m", *QUICK, "seed=1,2", cwd=folder)
    assert again.out.count("(already done)") == 1
    changed = rendered("-m", *QUICK, "seed=1,2", "frames=2", cwd=folder)
    assert "(already done)" not in changed.out
    report = json.loads((videos[1].parent / "dream.mp4.render" / "report.json").read_text())
    assert report["frames"] == 2
    counted(folder / "clip.mp4", frames=4)
    changed = rendered("-m", *QUICK, "seed=1,2", "frames=2", cwd=folder)
    assert "(already done)" not in changed.out


@pytest.mark.slow
def test_another_number_of_threads_makes_nothing_anew(folder: Path) -> None:
    rendered("-m", *QUICK, "seed=1,2", cwd=folder)
    command = ("-m", "pipeline", "-m", *QUICK, "seed=1,2")
    again = ended(spawn(*command, cwd=folder, OMP_NUM_THREADS="2"))
    assert again.code == 0, again.err
    assert again.out.count("(already done)") == 2


@pytest.mark.slow
def test_a_sweep_may_grow(folder: Path) -> None:
    rendered("-m", *QUICK, "seed=1,2", cwd=folder)
    rendered("-m", *QUICK, "seed=3", "width=64,96", cwd=folder)
    rendered("-m", *QUICK, "seed=1,2,3", cwd=folder)
    assert list(states(folder / "mine")) == [
        "seed=3,width=64", "seed=3,width=96", "seed=1", "seed=2", "seed=3"
    ]  # fmt: skip


@pytest.mark.slow
def test_two_sweeps_that_begin_together_keep_all_jobs(folder: Path) -> None:
    (folder / "mine").mkdir()
    holder = os.open(folder / "mine", os.O_RDONLY)
    fcntl.flock(holder, fcntl.LOCK_EX)
    words = ("-m", "pipeline", "-m", *QUICK)
    sweeps = [spawn(*words, f"seed={seeds}", cwd=folder) for seeds in ("1,2", "3,4")]
    try:
        while not all(has_open(sweep.pid, folder / "mine") for sweep in sweeps):
            assert all(sweep.poll() is None for sweep in sweeps)
            time.sleep(0.1)
        assert not (folder / "mine" / "sweep.json").exists()
    finally:
        os.close(holder)
        ran = [ended(sweep) for sweep in sweeps]
    assert [one.code for one in ran] == [0, 0], ran
    assert states(folder / "mine") == {f"seed={seed}": JobState.DONE for seed in (1, 2, 3, 4)}


@pytest.mark.slow
def test_a_job_that_fails_does_not_end_the_others(folder: Path) -> None:
    (folder / "broken.mp4").write_bytes((folder / "clip.mp4").read_bytes()[:900])
    words = ("-m", "input=broken.mp4,clip.mp4", "dreamer=none", "sweep=mine", "seed=1,2")
    ran = run(*words, cwd=folder)
    assert ran.code == 1
    *_, counts, first, second, _ = ran.out.splitlines()
    assert counts == "mine: 4 jobs: 2 done, 2 failed"
    assert first.startswith("failed: input=broken.mp4,seed=1: input: must be a video")
    assert second.startswith("failed: input=broken.mp4,seed=2: input: must be a video")
    assert "Traceback" not in ran.err
    assert "Error executing" not in ran.err
    (folder / "broken.mp4").write_bytes((folder / "clip.mp4").read_bytes())
    again = rendered(*words, cwd=folder)
    assert again.out.count("(already done)") == 2


@pytest.mark.parametrize(
    ("words", "said"),
    every(
        4,
        [
            (("look=eyes,furr",), "look: must be one of"),
            (
                ("dreamer=octaves", "dreamer.step_size=0.01,-5"),
                "dreamer.step_size: must be at least 0",
            ),
            (("seed=1,-1",), "seed: must be a whole number from 0 to"),
            (("seed=1,1",), "-m: must result in jobs that differ"),
            (("seed=1,2", "output=a/b.mp4"), "output: must be a file name without a folder"),
            (("encoder=h264,h265",), "encoder: must be one of"),
            (("camera=zoom", "camera.zoom_per_second=1.1,2*foo"), "camera.zoom_per_second: "),
            (("seed=1,2", "hydra/launcher=slum"), "hydra/launcher: must be one of"),
            (("sed=1,2",), "sed: is not a setting; did you mean seed or speed or end?"),
        ],
    ),
)
def test_what_is_wrong_is_said_before_the_first_job(
    folder: Path, words: tuple[str, ...], said: str
) -> None:
    before = files(folder)
    assert run("-m", *QUICK, *words, cwd=folder).line.startswith(said)
    assert files(folder) == before


@pytest.mark.parametrize("words", [("experiment=looks",), ("-m",), ("-m", "seed=1,2"),
                                   ("-m", "recipe=still", "seed=1,2")])  # fmt: skip
def test_a_sweep_without_input_is_one_line(folder: Path, words: tuple[str, ...]) -> None:
    before = files(folder)
    assert run(*words, cwd=folder).line.startswith("input: must be set, got nothing")
    assert files(folder) == before


@pytest.mark.slow
def test_ctrl_c_ends_the_sweep_and_says_what_is_missing(folder: Path) -> None:
    command = ("-m", "pipeline", "-m", "input=clip.mp4", "sweep=mine", "seed=1,2")
    process = spawn(*command, cwd=folder)
    status = folder / "mine" / "seed=1" / "status.json"
    while status_of(status.parent).output == "" and process.poll() is None:
        time.sleep(0.05)
    os.kill(process.pid, signal.SIGINT)
    ran = ended(process)
    assert ran.code == 130, ran.err
    assert "mine: 2 jobs: 1 stopped, 1 missing" in ran.out
    assert "missing: seed=2" in ran.out
    again = ended(spawn(*command, cwd=folder))
    assert again.code == 0, again.err
    assert states(folder / "mine") == {"seed=1": JobState.DONE, "seed=2": JobState.DONE}


@pytest.mark.slow
def test_who_looks_at_a_sweep_that_is_done_and_ends_it_loses_nothing(folder: Path) -> None:
    command = ("-m", "pipeline", "-m", *QUICK, "seed=1,2")
    assert ended(spawn(*command, cwd=folder)).code == 0
    statuses = [folder / "mine" / f"seed={seed}" / "status.json" for seed in (1, 2)]
    before = [status.read_bytes() for status in statuses]
    process = spawn(*command, cwd=folder)
    assert process.stderr is not None
    assert process.stderr.readline() == "job seed=1\n"
    process.kill()
    ended(process)
    assert [status.read_bytes() for status in statuses] == before


@pytest.mark.slow
def test_a_sweep_that_is_killed_goes_on_and_the_killed_job_is_told(folder: Path) -> None:
    command = ("-m", "pipeline", "-m", "input=clip.mp4", "sweep=mine", "seed=1,2")
    process = spawn(*command, cwd=folder)
    while status_of(folder / "mine" / "seed=1").output == "" and process.poll() is None:
        time.sleep(0.05)
    process.kill()
    ended(process)
    until = time.monotonic() + SECONDS
    while status_of(folder / "mine" / "seed=1").state is JobState.RUNNING:
        assert time.monotonic() < until
        time.sleep(0.05)  # a child that was just being made has yet to let go
    assert states(folder / "mine") == {"seed=1": JobState.KILLED, "seed=2": JobState.MISSING}
    again = ended(spawn(*command, cwd=folder))
    assert again.code == 0, again.err
    assert states(folder / "mine") == {"seed=1": JobState.DONE, "seed=2": JobState.DONE}


@pytest.mark.slow
def test_an_experiment_holds_a_whole_sweep(folder: Path) -> None:
    (folder / "ours" / "experiment").mkdir(parents=True)
    (folder / "ours" / "experiment" / "two.yaml").write_text(
        "# @package _global_\nframes: 2\ndefaults:\n  - override /dreamer: none\n"
        "hydra:\n  mode: MULTIRUN\n  sweeper:\n    params:\n      seed: 1,2\n      width: 64\n"
    )
    words = ("--config-dir", "ours", "experiment=two", "input=clip.mp4", "sweep=mine")
    rendered(*words, cwd=folder)
    assert states(folder / "mine") == {"seed=1": JobState.DONE, "seed=2": JobState.DONE}
    rendered(*words, "seed=5", cwd=folder)
    assert [job.name for job in read_plan(folder / "mine").jobs][-1] == "seed=5"


@pytest.mark.parametrize(
    "hydra",
    [
        "run: {dir: /tmp}",
        "mode: MULTIRUN\n  sweeper: {params: {hydra.run.dir: /tmp}}",
        "mode: MULTIRUN\n  sweeper: {_target_: os.system, params: {seed: 1}}",
        "mode: MULTIRUN\n  sweeper: {params: {'+x': 1}}",
        "mode: MULTIRUN\n  launcher: {_target_: os.system}\n  sweeper: {params: {seed: 1}}",
        "mode: MULTIRUN",
        "[]",
    ],
)
def test_an_experiment_of_others_says_nothing_else_of_hydras(folder: Path, hydra: str) -> None:
    (folder / "ours" / "experiment").mkdir(parents=True)
    (folder / "ours" / "experiment" / "evil.yaml").write_text(
        f"# @package _global_\nhydra:\n  {hydra}\n"
    )
    words = ("--config-dir", "ours", "experiment=evil", "input=clip.mp4")
    assert "must set nothing of hydra except" in run(*words, cwd=folder).line


@pytest.mark.slow
def test_a_job_of_a_sweep_makes_the_bytes_of_the_same_render_by_itself(folder: Path) -> None:
    words = ("input=clip.mp4", "dreamer.iterations=1")
    rendered("-m", *words, "sweep=mine", "seed=1,2", cwd=folder)
    rendered(*words, "seed=2", "output=x.mp4", cwd=folder)
    job = folder / "mine" / "seed=2" / "dream.mp4"
    assert job.read_bytes() == (folder / "x.mp4").read_bytes()


@pytest.mark.slow
def test_a_winner_is_rendered_whole_from_its_job_and_from_its_video(folder: Path) -> None:
    words = ("input=clip.mp4", "dreamer.iterations=1", "frames=2", "sweep=mine")
    rendered("-m", *words, "look=lace,eyes", cwd=folder)
    job = folder / "mine" / "look=lace"
    rendered("from=mine/look=lace", "output=x.mp4", cwd=folder)
    rendered("from=x.mp4", "output=y.mp4", cwd=folder)
    assert (job / "dream.mp4").read_bytes() == (folder / "x.mp4").read_bytes()
    assert (folder / "x.mp4").read_bytes() == (folder / "y.mp4").read_bytes()
    rendered("from=mine/look=lace", "frames=null", "output=z.mp4", cwd=folder)
    report = json.loads((folder / "z.mp4.render" / "report.json").read_text())
    assert report["frames"] == 3
    for words, said in (
        ("from=clip.mp4", "got clip.mp4, which contains no settings; choose another result"),
        ("from=nix.mp4", "got nix.mp4, which does not exist; check the name"),
        ("from=mine", "got the sweep mine; set from=mine/look=lace"),
    ):
        assert run(words, cwd=folder).line.endswith(said)


def test_what_only_a_sweep_has_a_use_for_is_refused_without_one(folder: Path) -> None:
    for word in ("sweep=mine", "hydra/launcher=local"):
        line = run("input=clip.mp4", "dreamer=none", word, cwd=folder).line
        key = word.partition("=")[0]
        assert line == (
            f"{key}: must be used with -m (a sweep), got a single render; add -m to the command"
        )


@pytest.mark.slow
def test_ctrl_c_in_the_last_frame_of_a_job_ends_the_sweep_behind_it(folder: Path) -> None:
    command = ("-m", "pipeline", "-m", "input=clip.mp4", "frames=1", "sweep=mine", "seed=1,2,3")
    process = spawn(*command, "dreamer.iterations=60", cwd=folder)
    while status_of(folder / "mine" / "seed=1").output == "" and process.poll() is None:
        time.sleep(0.05)
    time.sleep(0.3)
    os.kill(process.pid, signal.SIGINT)
    ran = ended(process)
    assert ran.code == 130, ran.err
    assert states(folder / "mine") == {
        "seed=1": JobState.DONE, "seed=2": JobState.MISSING, "seed=3": JobState.MISSING
    }, ran.err  # fmt: skip
    assert "stopped after this job; run the same command again to resume" in ran.err
