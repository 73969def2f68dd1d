"""Whoever is killed leaves nobody behind, and an album is rendered by one at a time."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from helpers.clips import FFV1, write
from helpers.command_line import ONE_THREAD, ended, files, rendered, run, spawn
from helpers.picture_files import save
from helpers.scenes import pan, texture

LITTLE = ("dreamer.octaves=1", "dreamer.iterations=1", "dreamer.upkeep_iterations=1")
SECONDS = 10
"""Within which an ffmpeg must have seen that its pipe is closed; a busy machine needs two."""


def alive(number: int) -> bool:
    """Whether that process runs: one that nobody waits for is over too."""
    try:
        stat = Path(f"/proc/{number}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return stat.rpartition(")")[2].split()[0] not in "ZX"


def children(number: int) -> list[int]:
    """The processes that this one, or a thread of its, has started."""
    tasks = Path(f"/proc/{number}/task").glob("*/children")
    return [int(child) for task in tasks for child in task.read_text().split()]


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc").exists(), reason="children are found in /proc")
@pytest.mark.parametrize("whom", ["the process", "its group"])
def test_the_ffmpegs_of_who_is_killed_end_by_themselves(tmp_path: Path, whom: str) -> None:
    # more than an ffmpeg and its pipe hold at once: the decoder is still at it
    write(tmp_path / "clip.mkv", pan(200, height=192, width=256, velocity=(1, 0)), *FFV1)
    process = subprocess.Popen(
        [sys.executable, "-m", "pipeline", "input=clip.mkv", "output=x.mp4", "save_seconds=1e5",
         *LITTLE],
        cwd=tmp_path, env={**os.environ, **ONE_THREAD}, start_new_session=True, text=True,
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
    )  # fmt: skip
    with process:
        assert process.stderr is not None
        while not process.stderr.readline().startswith("frame 1 of"):
            assert process.poll() is None
        theirs = children(process.pid)
        assert len([child for child in theirs if alive(child)]) == 2, "a decoder and an encoder"
        if whom == "the process":
            process.kill()
        else:
            os.killpg(process.pid, signal.SIGKILL)
    until = time.monotonic() + SECONDS
    while left := [child for child in theirs if alive(child)]:
        assert time.monotonic() < until, f"{len(left)} of {len(theirs)} go on"
        time.sleep(0.05)


@pytest.mark.slow
def test_two_albums_of_one_output_do_each_other_no_harm(tmp_path: Path) -> None:
    (tmp_path / "stills").mkdir()
    for index in range(3):
        save(tmp_path / "stills" / f"{index}.png", texture(64, 96, index))
    words = ("recipe=still", "input=stills", "dreamer.octaves=1", "dreamer.iterations=10")
    rendered(*words, "output=alone", cwd=tmp_path)
    first = spawn("-m", "pipeline", *words, "output=x", cwd=tmp_path)
    assert first.stderr is not None
    while not first.stderr.readline().startswith("picture 1 of"):
        assert first.poll() is None
    first.send_signal(signal.SIGSTOP)  # it must not be over before the second comes
    line = run(*words, "output=x", cwd=tmp_path).line
    first.send_signal(signal.SIGCONT)
    assert line.startswith("output: only one render at a time may use x.render, got a second ")
    assert str(first.pid) in line
    assert ended(first).code == 0
    assert files(tmp_path / "x.render") == {"recipe.yaml", "render.log", "report.json"}
    for name in files(tmp_path / "alone"):
        assert (tmp_path / "x" / name).read_bytes() == (tmp_path / "alone" / name).read_bytes()
