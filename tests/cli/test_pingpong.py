"""loop=pingpong as the user sees it: forwards, then backwards."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from helpers.clips import counted, numbers, video
from helpers.clips import run as ffmpeg
from helpers.command_line import TOY, rendered, run
from helpers.sampling import every

PASSED = ("input=clip.mkv", "loop=pingpong", "dreamer=none", *TOY)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a clip of 9 numbered pictures and sound."""
    counted(tmp_path / "silent.mkv", frames=9)
    ffmpeg("-i", str(tmp_path / "silent.mkv"), "-f", "lavfi", "-i", "sine=d=1", "-shortest",
           "-c:v", "copy", str(tmp_path / "clip.mkv"))  # fmt: skip
    return tmp_path


@pytest.mark.parametrize("name", every(3, ["x.mkv", "x.mp4", "x.gif", "x.mov", "x.webm"]))
def test_the_result_turns_and_shows_nothing_twice(folder: Path, name: str) -> None:
    ran = rendered(*PASSED, f"output={name}", "segment_frames=4", cwd=folder)
    made = video(folder / name)
    assert numbers(made.pictures()) == [*range(9), *range(7, 0, -1)]
    assert made.clip.tracks is None or not made.clip.tracks.audio
    report = json.loads((folder / f"{name}.render" / "report.json").read_text())
    assert (report["frames"], report["dreamt_frames"], report["loop_frames"]) == (16, 9, 0)
    assert f"{name}: 16 frames in" in ran.out


def test_lossless_the_way_back_is_the_way_there(folder: Path) -> None:
    rendered(*PASSED, "dreamer=octaves", "dreamer.iterations=2", "output=x", cwd=folder)
    pictures = [path.read_bytes() for path in sorted((folder / "x").iterdir())]
    assert len(pictures) == 16
    assert pictures[9:] == pictures[7:0:-1]


def test_a_clip_of_one_frame_has_no_way_back(folder: Path) -> None:
    rendered(*PASSED, "frames=1", "output=x.mkv", cwd=folder)
    assert numbers(video(folder / "x.mkv").pictures()) == [0]


@pytest.mark.parametrize(
    ("word", "line"),
    [
        ("loop=bounce", "loop: must be true, false or pingpong, got 'bounce'; set loop=true"),
        ("part=0-4", "loop: must be false if only a part is rendered, got pingpong"),
    ],
)
def test_what_cannot_be_is_one_line(folder: Path, word: str, line: str) -> None:
    ran = run(*PASSED, word, "output=x.mkv", cwd=folder)
    assert (ran.code, len(ran.err.splitlines())) == (2, 1)
    assert ran.err.startswith(line)
