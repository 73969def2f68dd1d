"""Several inputs on one command line, each rendered by itself."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from helpers.clips import FFV1, counted, video
from helpers.command_line import run

from pipeline.cli.shorthand import each_input, expand
from pipeline.errors import UserError

QUICK = ("dreamer=none", "frames=2")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder: videos in `clips` whose numbers have one and two digits, and pictures."""
    (tmp_path / "clips").mkdir()
    (tmp_path / "frames").mkdir()
    for name in ("clips/10.mp4", "clips/9.MOV", "clips/.hidden.mp4", "clips/notes.txt", "a[1].mp4",
                 "frames/1.png", "frames/2.png", "frames/making-of.mp4"):  # fmt: skip
        (tmp_path / name).touch()
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("words", "inputs"),
    [
        (["clips"], ["clips/9.MOV", "clips/10.mp4"]),
        (["input=clips"], ["clips/9.MOV", "clips/10.mp4"]),
        (["clips/*.m*"], ["clips/10.mp4"]),
        (["input=*/*.MOV", "a[1].mp4"], ["clips/9.MOV", "a[1].mp4"]),
        (["b.mp4", "c.mp4"], ["b.mp4", "c.mp4"]),
    ],
)
def test_several_names_patterns_and_folders_are_several_inputs(
    folder: Path, words: list[str], inputs: list[str]
) -> None:
    assert each_input([*words, "seed=1", "-y"]) == {
        file: ["seed=1", "overwrite=true", f"input={file}"] for file in inputs
    }


@pytest.mark.parametrize(
    "words",
    [["frames"], ["input=frames"], ["a[1].mp4"], ["clip.mp4"], ["seed=1"], ["input=null"], [],
     ["input="], ["input=a[1].mp4", "input=b.mp4"],
     ["frames/%d.png"], ["https://a.example/b?v=1"], ["input='*.mp4'"], ["-m", "clips"]],
)  # fmt: skip
def test_anything_else_is_one_render(folder: Path, words: list[str]) -> None:
    assert each_input(words) == {"": words}


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["b.mp4", "c.mp4", "-o", "x.mp4"], "output: must be left out for 2 inputs, got x.mp4"),
        (["*.mkv"], "input: must match at least one file, got *.mkv"),
        (["a/x.mp4", "b/X.mov"], "input: must be files of different names, since each result"),
    ],
)
def test_what_cannot_be_is_one_line(folder: Path, words: list[str], line: str) -> None:
    with pytest.raises(UserError, match=f"^{re.escape(line)}"):
        each_input(words)


def test_in_a_sweep_they_are_its_values(folder: Path) -> None:
    assert expand(["-m", "clips", "seed=1"]) == ["-m", "seed=1", "input=clips/9.MOV,clips/10.mp4"]
    (folder / "b,c.mp4").touch()
    with pytest.raises(UserError, match=r"^input: must be names without a comma"):
        expand(["-m", "clips", "b,c.mp4"])


@pytest.mark.slow
def test_each_has_its_own_result_and_one_that_fails_stops_no_other(tmp_path: Path) -> None:
    counted(tmp_path / "a.mkv", *FFV1, frames=3)
    (tmp_path / "b.mkv").write_bytes(b"no video")
    shutil.copy(tmp_path / "a.mkv", tmp_path / "c.mkv")
    ran = run("*.mkv", *QUICK, cwd=tmp_path)
    assert ran.code == 1
    lines = ran.err.splitlines()
    assert [line for line in lines if re.match(r"\d of 3", line)] == [
        "1 of 3: a.mkv", "2 of 3: b.mkv", "3 of 3: c.mkv",
    ]  # fmt: skip
    assert "input: must be a video that ffmpeg can decode, got b.mkv" in ran.err
    assert lines[-1] == "3 inputs: 2 done, 1 failed: b.mkv"
    kept = (tmp_path / "a.dream.mp4").read_bytes()
    shown = list(video(tmp_path / "a.dream.mp4").pictures())
    assert np.array_equal(shown, list(video(tmp_path / "c.dream.mp4").pictures()))
    (tmp_path / "c.dream.mp4").unlink()
    shutil.rmtree(tmp_path / "c.dream.mp4.render")
    (tmp_path / "b.mkv").unlink()
    again = run("*.mkv", *QUICK, cwd=tmp_path)
    assert again.code == 0
    assert "a.dream.mp4: exists already and is kept; add -y to replace it" in again.err
    assert (tmp_path / "a.dream.mp4").read_bytes() == kept
    assert np.array_equal(shown, list(video(tmp_path / "c.dream.mp4").pictures()))
