"""A sweep on each engine, on real ones: jobs at once, a GPU for each, failed, killed, timed out."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path

import pytest
from helpers.clips import counted
from helpers.command_line import Ran, ended, spawn

from pipeline.config.launchers import check_launcher, missing_extra
from pipeline.errors import UserError
from pipeline.storage.lock import NAME
from pipeline.sweep.plan import JobState, Status, read_plan, status_of

RAY = ("hydra/launcher=gpus", "+hydra.launcher.ray.init.num_gpus=2")
SLURM = ("hydra/launcher=slurm", "hydra.launcher.cpus_per_task=1")
START = Path(__file__).parents[1] / "helpers" / "cluster" / "slurm.sh"
LITTLE = ("dreamer.octaves=1", "dreamer.iterations=1", "dreamer.upkeep_iterations=1")
MINUTES = 8
"""Many times longer than a sweep here takes."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with five videos, and one that is cut off."""
    for number in range(1, 6):
        counted(tmp_path / f"{number}.mp4", frames=3)
    (tmp_path / "broken.mp4").write_bytes((tmp_path / "1.mp4").read_bytes()[:900])
    return tmp_path


@pytest.fixture(scope="module")
def slurm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """A Slurm of one node with two GPUs that are none; the variables that lead to it."""
    if shutil.which("slurmctld") is None or os.geteuid() != 0:
        pytest.skip("needs Debian's slurmctld, slurmd and munge, and root to start them")
    home = tmp_path_factory.mktemp("slurm")
    subprocess.run([START, home], check=True, timeout=60)
    yield {"SLURM_CONF": str(home / "slurm.conf")}
    subprocess.run([START, home, "stop"], check=True, timeout=60)


def sweep(*words: str, cwd: Path, **environment: str) -> Ran:
    """A sweep by the name of `mine`, with these words."""
    process = spawn("-m", "pipeline", "-m", *words, "sweep=mine", cwd=cwd, **environment)
    try:
        out, err = process.communicate(timeout=60 * MINUTES)
    finally:
        process.kill()
    return Ran(process.returncode, out, err)


def jobs(folder: Path) -> dict[str, Status]:
    """What became of each job."""
    return {job.name: status_of(folder / job.name) for job in read_plan(folder).jobs}


def one_each(found: dict[str, Status]) -> None:
    """Every job saw one GPU, both were used, and no two jobs had the same at once."""
    assert {status.gpus for status in found.values()} == {"0", "1"}
    for one, other in combinations(found.values(), 2):
        if one.gpus == other.gpus:
            apart = one.ended <= other.began or other.ended <= one.began  # type: ignore[operator]
            assert apart, (one, other)


def six_jobs(words: tuple[str, ...], folder: Path, **environment: str) -> dict[str, Status]:
    """Six jobs of which one fails; what became of them."""
    inputs = "input=1.mp4,2.mp4,broken.mp4,3.mp4,4.mp4,5.mp4"
    ran = sweep(*words, inputs, "dreamer=none", cwd=folder, **environment)
    assert ran.code == 1, ran.err
    assert "mine: 6 jobs: 5 done, 1 failed" in ran.out, ran.out
    assert "failed: input=broken.mp4: input: must be a video" in ran.out
    found = jobs(folder / "mine")
    assert found["input=broken.mp4"].state is JobState.FAILED
    shutil.copy(folder / "1.mp4", folder / "broken.mp4")
    again = sweep(*words, inputs, "dreamer=none", cwd=folder, **environment)
    assert again.code == 0, again.err
    assert "mine: 6 jobs: 6 done" in again.out
    after = jobs(folder / "mine")
    del after["input=broken.mp4"]
    assert all(after[name] == found[name] for name in after), "what was done was done anew"
    return found


def uninterrupted(folder: Path, *words: str) -> bytes:
    """What these words make on their own."""
    process = spawn("-m", "pipeline", *words, "output=whole.mp4", cwd=folder)
    _, err = process.communicate(timeout=60 * MINUTES)
    assert process.returncode == 0, err
    return (folder / "whole.mp4").read_bytes()


@pytest.mark.slow
@pytest.mark.alone
def test_jobs_run_side_by_side_on_this_machine(folder: Path) -> None:
    found = six_jobs(("hydra/launcher=local",), folder)
    began = sorted((status.began, status.ended) for status in found.values())
    assert began[1][0] < began[0][1], "the second began when the first had ended"  # type: ignore[operator]


@pytest.mark.slow
@pytest.mark.alone
def test_lines_of_jobs_side_by_side_say_whose_they_are(folder: Path) -> None:
    ran = sweep("hydra/launcher=local", "input=1.mp4,broken.mp4", "dreamer=none", cwd=folder)
    assert "input=1.mp4: started\n" in ran.err
    assert "input=1.mp4: frame 1 of " in ran.err
    assert "input=broken.mp4: input: must be a video" in ran.err


@pytest.mark.slow
@pytest.mark.alone
def test_ray_gives_each_job_a_gpu_of_its_own(folder: Path) -> None:
    one_each(six_jobs(RAY, folder))


@pytest.mark.slow
@pytest.mark.alone
def test_two_jobs_may_share_a_gpu_of_rays(folder: Path) -> None:
    one = ("hydra/launcher=gpus", "+hydra.launcher.ray.init.num_gpus=1")
    half = (*one, "hydra.launcher.ray.remote.num_gpus=0.5", "+hydra.launcher.ray.init.num_cpus=2")
    ran = sweep(*half, "input=1.mp4,2.mp4", *LITTLE, cwd=folder)
    assert ran.code == 0, ran.err
    assert [status.gpus for status in jobs(folder / "mine").values()] == ["0", "0"]


@pytest.mark.slow
@pytest.mark.alone
def test_a_job_of_rays_that_is_killed_goes_on_to_the_same_bytes(folder: Path) -> None:
    counted(folder / "long.mp4", frames=40)
    words = ("input=long.mp4", "save_seconds=0", *LITTLE)
    command = ("-m", "pipeline", "-m", *RAY, *words, "seed=1,2", "sweep=mine")
    process = spawn(*command, cwd=folder)
    job = folder / "mine" / "seed=2"
    while not list(job.glob("*.render/state-*")):
        assert process.poll() is None, process.communicate()
        time.sleep(0.05)
    os.kill(int((job / NAME).read_text()), signal.SIGKILL)
    ran = ended(process)
    assert ran.code == 0, ran.err
    assert "resuming after frame" in ran.out + ran.err
    assert (job / "dream.mp4").read_bytes() == uninterrupted(folder, *words, "seed=2")


@pytest.mark.slow
@pytest.mark.alone
def test_slurm_gives_each_job_a_gpu_of_its_own(folder: Path, slurm: dict[str, str]) -> None:
    one_each(six_jobs(SLURM, folder, **slurm))


@pytest.mark.slow
@pytest.mark.alone
@pytest.mark.timeout(1200)
def test_a_job_of_slurms_that_runs_out_of_time_goes_on_to_the_same_bytes(
    folder: Path, slurm: dict[str, str]
) -> None:
    counted(folder / "long.mp4", frames=2500)
    words = ("input=long.mp4", *LITTLE)
    # told to save after 25 seconds, some of which it takes to begin
    short = ("hydra.launcher.timeout_min=1", "hydra.launcher.signal_delay_s=35")
    ran = sweep(*SLURM, *short, *words, cwd=folder, **slurm)
    assert ran.code == 0, ran.err
    job = folder / "mine" / "only"
    said = "".join(path.read_text() for path in (folder / "mine").glob(".submitit/*/*.err"))
    assert "resuming after frame" in said
    assert (job / "dream.mp4").read_bytes() == uninterrupted(folder, *words)


@pytest.mark.slow
@pytest.mark.alone
def test_a_job_of_slurms_that_is_killed_is_told_and_ends_no_other(
    folder: Path, slurm: dict[str, str]
) -> None:
    counted(folder / "long.mp4", frames=200)
    command = (
        "-m",
        "pipeline",
        "-m",
        *SLURM,
        "input=long.mp4",
        *LITTLE,
        "seed=1,2,3",
        "sweep=mine",
    )
    process = spawn(*command, cwd=folder, **slurm)
    job = folder / "mine" / "seed=1"
    while status_of(job).output == "":
        assert process.poll() is None, process.communicate()
        time.sleep(0.05)
    os.kill(int((job / NAME).read_text()), signal.SIGKILL)
    ran = ended(process)
    assert ran.code == 1, ran.err
    assert "mine: 3 jobs: 2 done, 1 killed" in ran.out, ran.out + ran.err
    assert "that Slurm no longer has" in ran.err
    again = ended(spawn(*command, cwd=folder, **slurm))
    assert again.code == 0, again.err


@pytest.mark.slow
@pytest.mark.alone
def test_without_a_gpu_ray_does_not_wait_for_one(folder: Path) -> None:
    words = ("hydra/launcher=gpus", "+hydra.launcher.ray.init.num_gpus=0")
    ran = sweep(*words, "input=1.mp4", "seed=1,2", cwd=folder)
    assert ran.code == 2, ran.err
    assert "gpus must find 1 GPU per job, got 0 in total; set hydra/launcher=local" in ran.err
    assert not (folder / "mine").exists()


def test_without_slurms_commands_it_is_said_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(UserError, match="slurm must find Slurm's commands, got no sbatch"):
        check_launcher({"_target_": "a.SlurmLauncher"})
    check_launcher({"_target_": "a.BasicLauncher"})


def test_where_slurms_controller_cannot_be_reached_it_is_said_at_once(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name, code in (("sbatch", 0), ("sinfo", 1)):
        (tmp_path / name).write_text(f"#!/bin/sh\necho 'sinfo: error: no host' >&2\nexit {code}\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UserError, match="slurm must reach Slurm's controller, got: sinfo: err"):
        check_launcher({"_target_": "a.SlurmLauncher"})


def test_an_engine_that_is_not_installed_is_named_with_its_extra(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert [missing_extra(name) for name in ("joblib", "ray", "submitit_slurm", "x")] == [None] * 4
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    said = missing_extra("ray")
    assert said is not None
    assert said.endswith("run: pip install hydra-ray-launcher")


@pytest.mark.parametrize(
    ("name", "extra", "package"),
    [("local", "local", "hydra-joblib-launcher"), ("gpus", "ray", "hydra-ray-launcher")],
)
def test_a_launcher_that_is_not_installed_is_one_line(
    tmp_path: Path, name: str, extra: str, package: str
) -> None:
    without = "import hydra_plugins, runpy, sys; hydra_plugins.__path__ = []; "
    without += f"sys.argv = ['dreamreel', '-m', 'seed=1,2', 'hydra/launcher={name}']; "
    ran = ended(spawn("-c", f"{without}runpy.run_module('pipeline', None, '__main__')",
                      cwd=tmp_path))  # fmt: skip
    assert ran.code == 2, ran.err
    assert ran.err.startswith(f"hydra/launcher: the extra [{extra}] must be installed, got no ")
    assert ran.err.endswith(f"; run: pip install {package}\n")
    assert ran.err.count("\n") == 1
