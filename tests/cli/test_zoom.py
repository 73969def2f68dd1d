"""A zoom as the user makes it: from nothing, from a picture, to music."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import pytest
import yaml
from helpers.clips import counted, numbers, video
from helpers.clips import run as ffmpeg
from helpers.command_line import files, rendered, run
from helpers.sampling import every
from helpers.scenes import texture

SMALL = ("recipe=zoom", "width=96", "height=64", "frames=11")


def test_a_zoom_needs_no_input(tmp_path: Path) -> None:
    ran = rendered(*SMALL, cwd=tmp_path)
    assert files(tmp_path) >= {"dream.mp4", "dream.mp4.render/report.json"}
    assert "dream.mp4: 11 frames" in ran.out
    report = json.loads((tmp_path / "dream.mp4.render/report.json").read_text())
    assert (report["frames"], report["width"], report["height"]) == (11, 96, 64)
    assert report["gain"]["last"] > 1.5  # over the noise that it began with
    # one figure a frame, but for the first, which was given
    vitals = report["vitals"]
    assert {name: len(figures) for name, figures in vitals.items()} == dict.fromkeys(
        ("luminance", "contrast", "chroma", "clipped", "high_band", "strength"), 10
    )


def test_a_picture_is_flown_into(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "a.png"), texture(64, 96, 0))
    rendered("recipe=zoom", "input=a.png", "frames=3", cwd=tmp_path)
    assert video(tmp_path / "a.dream.mp4").clip.count == 3


@pytest.mark.slow
def test_music_moves_the_camera_and_goes_into_the_video(tmp_path: Path) -> None:
    ffmpeg("-f", "lavfi", "-i", "sine=f=60:d=1", str(tmp_path / "beat.mp3"))
    zoom = "camera.zoom_per_second=1.1 + 2*bass"
    rendered(*SMALL, "audio=beat.mp3", zoom, cwd=tmp_path)
    tracks = video(tmp_path / "dream.mp4").clip.tracks
    assert tracks is not None
    assert tracks.audio == ("aac",)


def test_moves_are_composed_by_a_plus_and_set_by_their_names(tmp_path: Path) -> None:
    words = ("camera=zoom+tilt+twist", "camera.moves.zoom.zoom_per_second=1 + t")
    rendered(*SMALL, *words, "warp.border=wrap", cwd=tmp_path)
    recipe = yaml.safe_load((tmp_path / "dream.mp4.render/recipe.yaml").read_text())
    assert list(recipe["camera"]["moves"]) == ["zoom", "tilt", "twist"]
    assert recipe["camera"]["moves"]["zoom"]["zoom_per_second"] == "1 + t"
    line = run(*SMALL, "camera=zoom+tiltt", cwd=tmp_path).line
    assert "must be one of" in line
    assert "did you mean tilt" in line
    line = run(*SMALL, "camera=zoom+", cwd=tmp_path).line
    assert line.startswith("camera: must name a choice on both sides of each +, got 'zoom+'")


@pytest.mark.slow
def test_footage_is_joined_to_its_own_start(tmp_path: Path) -> None:
    counted(tmp_path / "clip.mp4", frames=20)
    words = ("input=clip.mp4", "dreamer=none", "loop=true", "loop_seconds=0.2")
    rendered(*words, "output=x.mkv", cwd=tmp_path)
    shown = numbers(video(tmp_path / "x.mkv").pictures())
    assert shown[:10] == list(range(5, 15))  # and behind them the end fades into the start
    assert (len(shown), shown[-1]) == (15, 4)
    report = json.loads((tmp_path / "x.mkv.render" / "report.json").read_text())
    assert (report["frames"], report["loop_frames"]) == (15, 5)
    line = run(*words, "frames=9", "output=y.mkv", cwd=tmp_path).line
    assert line == (
        "loop: must have at least twice as many frames as in loop_seconds, got 9; "
        "set loop_seconds=0.16, or loop=false"
    )
    rendered(*words, "frames=9", "output=z.mkv", "loop_seconds=0.16", cwd=tmp_path)
    line = run(*words, "loop_seconds=-1", "output=y.mkv", cwd=tmp_path).line
    assert line.startswith("loop_seconds: must be a number of seconds above 0")


@pytest.mark.parametrize("recipe", every(2, ["zoom", "video"]))
def test_the_same_zoom_comes_out_twice(tmp_path: Path, recipe: str) -> None:
    ffmpeg("-f", "lavfi", "-i", "testsrc=s=96x64:d=0.2", str(tmp_path / "clip.mp4"))
    words = SMALL if recipe == "zoom" else ("input=clip.mp4", "camera=spiral", "frames=4")
    for name in ("one.mkv", "other.mkv"):
        rendered(*words, f"output={name}", cwd=tmp_path)
    one, other = ([*video(tmp_path / name).pictures()] for name in ("one.mkv", "other.mkv"))
    assert len(one) == len(other) > 3
    assert all((a == b).all() for a, b in zip(one, other, strict=True))
