"""from_parseq=FILE: the camera moves as Parseq's file says."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import pytest
from helpers.command_line import TOY, rendered

from pipeline.config.arguments import hydra_arguments
from pipeline.config.compose import compose_settings, settings_of
from pipeline.config.parseq import overrides_of_parseq
from pipeline.errors import UserError
from pipeline.schedule import parse

FRAMES = 60


def exported(path: Path, **changes: Any) -> Path:
    """A file as Parseq writes it, with a zoom that swings and an angle that grows faster."""
    zoom = [1 + 0.01 * (frame % 20) for frame in range(FRAMES)]
    frames = [
        {
            "frame": frame,
            "zoom": zoom[frame],
            "zoom_delta": 1 + zoom[frame] - zoom[frame - 1] if frame else zoom[0],
            "angle": frame**2 / 10,
            "deforum_prompt": "a cat",
        }
        for frame in range(FRAMES)
    ]
    content = {"options": {"output_fps": 20, "bpm": 120}, "rendered_frames": frames, **changes}
    path.write_text(json.dumps(content))
    return path


def settings(*words: str) -> dict[str, Any]:
    return settings_of(compose_settings(*words)[0])


def test_each_frame_has_the_value_of_the_file(tmp_path: Path) -> None:
    path = exported(tmp_path / "moves.json")
    camera = settings(f"from_parseq={path}", "recipe=zoom")["camera"]
    frames = json.loads(path.read_text())["rendered_frames"]
    for name, field in (("zoom", "zoom_delta"), ("angle", "angle")):
        schedule = parse(camera[name], rate=20, count=FRAMES)
        for frame in frames:
            assert schedule({"frame": float(frame["frame"])}) == pytest.approx(frame[field])
    assert camera["translation_x"] == 0


def test_a_zoom_is_as_long_and_as_fast_as_the_file(tmp_path: Path) -> None:
    path = exported(tmp_path / "moves.json")
    zoom = settings(f"from_parseq={path}", "recipe=zoom")
    assert (zoom["frames"], zoom["source"]["rate"]) == (FRAMES, 20)
    zoom = settings(f"from_parseq={path}", "recipe=zoom", "frames=5", "camera.angle=1")
    assert (zoom["frames"], zoom["camera"]["angle"]) == (5, 1)
    assert settings(f"from_parseq={path}", "input=clip.mp4")["frames"] is None


def test_motion_in_space_is_named(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    frames = [{"frame": frame, "rotation_3d_x": frame} for frame in range(3)]
    path = exported(tmp_path / "moves.json", rendered_frames=frames)
    with caplog.at_level(logging.WARNING, "pipeline"):
        assert overrides_of_parseq(path, []) == ["camera=deforum"]
    assert caplog.messages == [f"{path}: rotation_3d_x: motion in space is not used"]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "must not be empty"),
        ("[]", "with something else"),
        ("{", "with something else"),
        ("[" * 100_000, "with something else"),
        ("{}", "no rendered_frames"),
        ('{"rendered_frames": []}', "no rendered_frames"),
        ('{"rendered_frames": [1]}', "something else than frame 0"),
        ('{"rendered_frames": [{"frame": 1}]}', "something else than frame 0"),
        ('{"rendered_frames": [{"zoom": "1"}]}', "zoom 1 in frame 0"),
        ('{"rendered_frames": [{"zoom": 1}, {}]}', "zoom None in frame 1"),
        ('{"rendered_frames": [{"zoom": NaN}]}', "zoom nan in frame 0"),
    ],
)
def test_another_file_is_one_line(content: str, said: str, tmp_path: Path) -> None:
    path = tmp_path / "moves.json"
    path.write_text(content)
    with pytest.raises(UserError) as error:
        hydra_arguments([f"from_parseq={path}"])
    assert str(error.value).startswith("from_parseq: must ")
    assert said in str(error.value)
    assert "\n" not in str(error.value)


def test_a_second_camera_is_refused(tmp_path: Path) -> None:
    path = exported(tmp_path / "moves.json")
    with pytest.raises(UserError, match=r"^from_parseq: must be the only camera, got camera=pan"):
        hydra_arguments([f"from_parseq={path}", "camera=pan"])


def test_a_zoom_is_rendered_by_it(tmp_path: Path) -> None:
    exported(tmp_path / "moves.json")
    words = ("recipe=zoom", "from_parseq=moves.json", "frames=3", "width=64", "height=48")
    assert "dream.mp4: 3 frames" in rendered(*words, *TOY, cwd=tmp_path).out
