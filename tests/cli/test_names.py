"""File names that the command line takes as they are, whatever they mean elsewhere."""

from __future__ import annotations

from pathlib import Path

import pytest
from helpers.clips import FFV1, counted
from helpers.clips import run as ffmpeg
from helpers.command_line import TOY, files, rendered
from helpers.sampling import every

QUICK = ("dreamer=none", "flow=none", "cuts=none", "frames=2", *TOY)
NAMES = [
    "clip (1).mp4",
    "a,b.mp4",
    "ünï.mp4",
    "it's.mp4",
    "a=b.mp4",
    "$x.mp4",
    "${x}.mp4",
    "${oc.env:HOME}.mp4",
    "back\\slash.mp4",
    "back\\\\slash.mp4",
    "back\\${x}.mp4",
    "[1]{2}#3~4@5!6&7.mp4",
    "\"quoted\" 'twice'.mp4",
    " blank .mp4",
    "-.mp4",
    "line\nbreak.mp4",
    "frame_%04d.mp4",
    "null.mp4",
    "x" * 240 + ".mp4",
]


@pytest.mark.parametrize("name", every(6, NAMES))
def test_a_file_name_works_unquoted_for_input_and_output(tmp_path: Path, name: str) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "out").mkdir()
    counted(tmp_path / "in" / name, frames=3)
    ran = rendered(f"input=in/{name}", f"output=out/{name}", *QUICK, cwd=tmp_path)
    assert files(tmp_path / "out") == {
        name,
        f"{name}.render",
        *(f"{name}.render/{file}" for file in ("recipe.yaml", "render.log", "report.json")),
    }
    said = [line.partition(" ")[0] for line in ran.err.splitlines()]
    assert said == ["input:", "output:", "dream:", "frame", "frame"]  # and no warning
    ffmpeg("-i", f"file:{tmp_path / 'out' / name}", "-f", "null", "-")  # it can be read


def test_a_name_without_a_folder_works_from_where_one_is(tmp_path: Path) -> None:
    counted(tmp_path / "a,b (1).mp4", frames=3)
    rendered("input=a,b (1).mp4", *QUICK, cwd=tmp_path)
    assert (tmp_path / "a,b (1).dream.mp4").is_file()


def test_names_relative_to_another_folder_work_from_there(tmp_path: Path) -> None:
    counted(tmp_path / "clip.mp4", frames=3)
    for folder in ("results", "elsewhere"):
        (tmp_path / folder).mkdir()
    here = tmp_path / "elsewhere"
    rendered("input=../clip.mp4", "output=../results/x.mp4", *QUICK, cwd=here)
    assert (tmp_path / "results" / "x.mp4").is_file()
    assert files(here) == set()


def test_a_tilde_means_home_as_in_a_shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from pipeline.config.arguments import prepare

    monkeypatch.setenv("HOME", str(tmp_path))
    assert prepare(["input=~/clip.mp4"]) == [f"input='{tmp_path}/clip.mp4'"]


@pytest.mark.parametrize(
    ("given", "made"),
    every(
        4,
        [
            ("input=clip.mp4", "clip.dream.mp4"),
            ("input=clip.mp4 encoder=gif", "clip.dream.gif"),
            ("input=clip.mp4 encoder=images", "clip-dream"),
            ("input=clip.v2.mkv encoder=images", "clip-v2-dream"),
            ("input=clip.v2.mkv", "clip.v2.dream.mp4"),
            ("input=shots", "shots.dream.mp4"),
            ("input=shots.v1", "shots.v1.dream.mp4"),
            ("input=shots/frame_%04d.png", "frame.dream.mp4"),
            ("input=shots/frame_0001.png recipe=video", "frame_0001.dream.png"),
            ("input=shots/%04d.png", "dream.dream.mp4"),
        ],
    ),
)
def test_an_output_that_is_not_named_is_called_after_the_input(
    tmp_path: Path, given: str, made: str
) -> None:
    clip = counted(tmp_path / "clip.mp4", frames=3)
    counted(tmp_path / "clip.v2.mkv", *FFV1, frames=3)
    for folder, pattern in (("shots", "frame_"), ("shots", ""), ("shots.v1", "")):
        (tmp_path / folder).mkdir(exist_ok=True)
        ffmpeg("-i", str(clip), str(tmp_path / folder / f"{pattern}%04d.png"))
    before = files(tmp_path)
    rendered(*given.split(" "), *QUICK, cwd=tmp_path)
    new = {name for name in files(tmp_path) - before if "/" not in name}
    assert new == {made, f"{made}.render"}
