"""pipeline.exits: the summary is said, or why it could not be."""

from __future__ import annotations

from pathlib import Path

import pytest
from clips import counted
from command_line import ended, files, rendered, run, spawn

WORDS = ("input=clip.mp4", "frames=1", "dreamer=none", "flow=none", "cuts=none", "output=x.mkv")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "here"
    folder.mkdir()
    counted(folder / "clip.mp4", frames=3)
    return folder


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
    assert line.startswith("input: must not be a file of the render itself")
    assert files(folder) == before
    assert partial.read_bytes() == (folder / "clip.mp4").read_bytes()


def test_a_link_to_a_folder_is_no_output(folder: Path) -> None:
    (folder / "kept").mkdir()
    (folder / "x.mkv").symlink_to("kept")
    line = run(*WORDS, "overwrite=true", cwd=folder).line
    assert line.startswith("output: must not be a link to a folder, got x.mkv")
    assert (folder / "x.mkv").is_symlink()
