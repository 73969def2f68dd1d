"""Settings without effect are reported, and a picture that moves is a zoom."""

from __future__ import annotations

from pathlib import Path

import cv2
import pytest
from helpers.scenes import texture

from pipeline.config.arguments import prepare
from pipeline.config.compose import compose_settings, settings_of
from pipeline.config.hydra_config import top_level_defaults, yaml_of
from pipeline.config.unused import unused


def messages(*words: str, single: bool) -> list[str]:
    cfg, choices = compose_settings("input=x", *words)
    source = yaml_of("source", choices["source"])
    return list(unused(settings_of(cfg), choices, top_level_defaults(), source, single=single))


@pytest.mark.parametrize(
    ("words", "single", "keys"),
    [
        ((), False, []),
        (("start=1", "end=2", "frames=3", "width=64", "aspect=1:1", "loop=true"), False, []),
        (("source=images", "start=1", "crop=auto", "camera=zoom"), False, []),
        (("recipe=zoom", "frames=3", "height=64", "fit=pad", "loop=true"), False, []),
        (("recipe=zoom", "start=1", "end=2"), False, ["start", "end"]),
        (("recipe=visualise", "end=2"), True, ["end"]),
        (("rate=60", "speed=0.5", "sound=drop"), False, []),
        (("recipe=zoom", "rate=60", "speed=0.5"), False, ["rate", "speed"]),
        (("recipe=still", "frames=3", "width=64"), True, []),
        (("recipe=still", "camera=zoom"), True, ["camera"]),
        (("recipe=still", "loop=pingpong"), True, ["loop"]),
        (("source=images", "audio=song.mp3"), True, ["audio"]),
        (("passes=2",), False, []),
        (("passes=2",), True, ["passes"]),
        (("passes=2", "camera=sway"), False, ["passes"]),
        (("passes=2", "flow=none"), False, ["passes"]),
        (("passes=2", "dreamer=none"), False, ["passes"]),
    ],
)
def test_settings_without_effect_are_named(
    words: tuple[str, ...], single: bool, keys: list[str]
) -> None:
    found = messages(*words, single=single)
    assert sorted(line.partition(":")[0] for line in found) == sorted(keys)
    assert all(": has no effect on " in line and "; " in line for line in found)


def test_what_would_have_the_effect_is_named() -> None:
    (line,) = messages("recipe=zoom", "end=2", single=False)
    assert line == "end: has no effect on source=feedback; source.seconds=5 sets the length"


@pytest.fixture
def picture(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    cv2.imwrite(str(tmp_path / "a.png"), texture(64, 64, 3))
    (tmp_path / "folder").mkdir()
    monkeypatch.chdir(tmp_path)
    return Path("a.png")


@pytest.mark.parametrize("words", [["camera=zoom"], ["frames=5"], ["frames=5", "camera=still"]])
def test_a_picture_that_is_to_move_is_a_zoom(
    picture: Path, words: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    assert prepare([f"input={picture}", *words])[len(words) + 1 :] == ["recipe=zoom"]
    assert [record.getMessage() for record in caplog.records] == [
        "recipe=zoom is used, because a picture becomes a video only by a zoom"
    ]


@pytest.mark.parametrize(
    "words",
    [["frames=1"], ["frames=null"], ["camera=still"], ["recipe=still", "frames=5"],
     ["recipe=video", "camera=zoom"], ["source=images", "frames=5"]],
)  # fmt: skip
def test_other_pictures_are_not(
    picture: Path, words: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    assert "recipe=zoom" not in prepare([f"input={picture}", *words])
    assert "recipe=zoom" not in prepare(["input=folder", "frames=5"])
    assert not caplog.records
