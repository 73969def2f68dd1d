"""pipeline.cli.exit_codes: the summary is said, or why it could not be."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
from helpers.clips import counted, video
from helpers.command_line import SECONDS, ended, files, rendered, run, spawn

WORDS = ("input=clip.mp4", "frames=1", "dreamer=none", "flow=none", "cuts=none", "output=x.mkv")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "here"
    folder.mkdir()
    counted(folder / "clip.mp4", frames=3)
    return folder


@pytest.mark.slow
def test_a_summary_without_room_is_said_on_stderr(folder: Path) -> None:
    command = (
        "import sys, runpy; sys.stdout = open('/dev/full', 'w'); "
        f"sys.argv = {['dreamreel', *WORDS]!r}; runpy.run_module('pipeline', None, '__main__')"
    )
    ran = ended(spawn("-c", command, cwd=folder))
    assert ran.code == 2, ran.err
    assert "stdout: must be writable, got 'No space left on device' for: x.mkv: 1 frame" in ran.err
    assert "Traceback" not in ran.err
    assert (folder / "x.mkv").exists()


def test_a_file_of_the_render_itself_is_no_input(folder: Path) -> None:
    rendered(*WORDS, cwd=folder)
    partial = folder / "x.mkv.render" / "partial.mkv"
    partial.write_bytes((folder / "clip.mp4").read_bytes())
    before = files(folder)
    line = run("input=x.mkv.render/partial.mkv", *WORDS[1:], "overwrite=true", cwd=folder).line
    assert line.startswith("input: must not be in the work folder of the render")
    assert files(folder) == before
    assert partial.read_bytes() == (folder / "clip.mp4").read_bytes()


def test_a_link_to_a_folder_is_no_output(folder: Path) -> None:
    (folder / "kept").mkdir()
    (folder / "x.mkv").symlink_to("kept")
    line = run(*WORDS, "overwrite=true", cwd=folder).line
    assert line.startswith("output: must not be a link to a folder, got x.mkv")
    assert (folder / "x.mkv").is_symlink()


@pytest.mark.slow
@pytest.mark.parametrize("closed", ["0<&- 1>&- 2>&-", "0<&-", "1>&-", "2>&-", "1>&- 2>&-"])
def test_closed_standard_files_are_no_hindrance(folder: Path, closed: str) -> None:
    command = f'exec "$@" {closed}'
    done = subprocess.run(
        ["sh", "-c", command, "sh", sys.executable, "-m", "pipeline", *WORDS],
        cwd=folder, capture_output=True, text=True, timeout=SECONDS,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert len(list(video(folder / "x.mkv").pictures())) == 1
    assert ("x.mkv: 1 frame" in done.stdout) == ("1>&-" not in closed)


def test_a_current_folder_that_was_removed_is_one_line(folder: Path) -> None:
    gone = folder / "gone"
    gone.mkdir()
    command = f"import os, runpy, sys; os.rmdir({str(gone)!r}); sys.argv = ['dreamreel', '--help']"
    ran = ended(spawn("-c", f"{command}; runpy.run_module('pipeline', None, '__main__')", cwd=gone))
    assert ran.code == 2, ran.err
    assert ran.err.startswith("the current folder: must exist, got 'No such file or directory'")
    assert ran.err.count("\n") == 1


@pytest.mark.slow
def test_a_work_folder_that_is_removed_meanwhile_is_one_line(folder: Path) -> None:
    clip = counted(folder / "long.mp4", frames=300)
    words = (f"input={clip.name}", *WORDS[2:], "save_seconds=0")
    started = spawn("-m", "pipeline", *words, cwd=folder)
    while not list(folder.glob("x.mkv.render/state-*")):
        assert started.poll() is None
        time.sleep(0.02)
    while (folder / "x.mkv.render").exists():  # it is still written to
        shutil.rmtree(folder / "x.mkv.render", ignore_errors=True)
    ran = ended(started)
    assert ran.code == 2, ran.err
    assert "Traceback" not in ran.err
    assert ran.err.splitlines()[-1].startswith("x.mkv.render")
    assert not (folder / "x.mkv").exists()
