"""What is done to the command line before Hydra reads it."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import OmegaConf
from PIL import Image

from pipeline.config.arguments import ENCODERS, check_suffix, prepare
from pipeline.config.hydra_config import unknown_setting
from pipeline.errors import UserError, did_you_mean
from pipeline.image_io.suffixes import SUFFIXES, is_pictures
from pipeline.sweep.override_grammar import quote

PARSER = OverridesParser.create()


def read(argument: str) -> object:
    """The value of the argument as the settings hold it in the end."""
    return OmegaConf.create({"value": PARSER.parse_override(argument).value()}).value


@pytest.mark.slow
def test_every_short_text_of_odd_characters_comes_out_as_it_went_in() -> None:
    for length in range(1, 6):
        for letters in itertools.product("a\\'${}", repeat=length):
            text = "".join(letters)
            assert read(f"input={quote(text)}") == text


@pytest.mark.parametrize("text", ["a,b", "(1)", "[x]", " a ", "ünï", "a=b", "null", "1e5", "a#b"])
def test_a_path_is_text_whatever_it_looks_like(text: str) -> None:
    (argument,) = prepare([f"output={text}.xyz"])
    assert read(argument) == f"{text}.xyz"


def test_a_quoted_path_and_no_path_at_all_stay_as_they_are() -> None:
    given = ["input='a b.xyz'", "output=null", "mask=", "seed=3", "dreamer.octaves=[1,2]"]
    assert prepare(given) == given


def test_a_comma_parts_files_in_a_sweep_unless_one_file_has_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert prepare(["-m", "input=a.mp4,b.mp4"])[1] == "input='a.mp4','b.mp4'"
    Path("a.mp4,b.mp4").touch()
    assert prepare(["-m", "input=a.mp4,b.mp4"])[1] == "input='a.mp4,b.mp4'"


@pytest.mark.parametrize(("suffix", "choice"), ENCODERS.items())
def test_a_suffix_adds_the_encoder_that_writes_it(suffix: str, choice: str) -> None:
    assert f"encoder={choice}" in prepare(["input=a.mp4", f"output=b{suffix}"])
    assert f"encoder={choice}" in prepare(["input=a.mp4", f"output=b{suffix.upper()}"])


def test_an_encoder_or_a_source_that_was_named_is_not_overruled() -> None:
    given = ["input='a.png'", "source=video", "output='b.gif'", "encoder=h264"]
    assert prepare(given) == given


def test_a_guide_is_followed_unless_something_else_is_asked_for() -> None:
    given = ["input=a.mp4", "encoder=h264"]
    assert prepare([*given, "guide=a (1).png"])[-1] == "objective=guide"
    for other in ("guide=null", "objective=norm+guide", "look=eyes"):
        assert "objective=guide" not in prepare([*given, "guide=a.png", other])


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_picture_is_read_as_one_and_becomes_one(suffix: str) -> None:
    added = prepare([f"input=a{suffix}"])[1:]
    assert added == ["source=images", "encoder=images"]


def test_a_numbered_pattern_is_read_as_pictures_and_becomes_a_video() -> None:
    assert prepare(["input=a_%04d.png"])[1:] == ["source=images"]


@pytest.mark.parametrize("value", ["5", "null", "", "1.5", "true", "nan", "-1e3"])
def test_a_number_for_a_choice_is_looked_for_as_a_name(value: str) -> None:
    assert prepare([f"flow={value}"], ["flow"]) == [f"flow='{value}'"]
    assert prepare([f"seed={value}"], ["flow"]) == [f"seed={value}"]


@pytest.mark.parametrize("option", ["--help", "--cfg=job", "-m", "--multi", "-sc", "~seed", "+a=1"])
def test_options_and_every_form_of_an_override_pass(option: str) -> None:
    assert prepare([option]) == [option]


def test_what_belongs_to_an_option_needs_no_equals_sign() -> None:
    given = ["--cfg", "job", "--package", "dreamer", "seed=1"]
    assert prepare(given) == given


@pytest.mark.parametrize(
    ("argument", "remedy"),
    [
        ("--multirn", "did you mean --multirun"),
        ("--width", "set width=VALUE, without dashes"),
        ("--look=lace", "set look=lace, without dashes"),
        ("--frame-rate=25", "set rate=25, without dashes"),
        ("--input", "set input=VALUE, without dashes"),
        ("width", "set width=VALUE"),
        ("fox", "put quotes around KEY=VALUE if the value has blanks"),
        ("", "KEY=VALUE"),
        ("=3", "key"),
    ],
)
def test_what_is_neither_key_nor_option_is_refused(argument: str, remedy: str) -> None:
    with pytest.raises(UserError, match=remedy):
        prepare([argument])


def test_a_file_without_its_key_is_answered_with_the_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("clip.mp4").touch()
    for word in ("clip.mp4", "clip"):
        with pytest.raises(UserError, match=r"set input=clip\.mp4"):
            prepare([word])


def test_a_suffix_that_contradicts_the_encoder_is_answered_with_both_ways_out() -> None:
    check_suffix(Path("x.MP4"), [".mp4"], "h264")
    with pytest.raises(UserError, match=r"\.gif with encoder=gif, got x\.mp4.*encoder=h264"):
        check_suffix(Path("x.mp4"), [".gif"], "gif")


def test_an_unknown_name_is_answered_with_near_ones_or_with_where_they_stand() -> None:
    known = {"dreamer": ["dreamer=octaves"], "dreamer.octaves": ["dreamer=octaves"], "seed": []}
    assert did_you_mean("sed", known) == "did you mean seed?"
    assert "--help" in did_you_mean("xyz", known)
    assert "did you mean dreamer.octaves" in unknown_setting("dreamer.octavs", known)
    assert unknown_setting("dreamer.octaves", known).endswith("to use it, set dreamer=octaves")
    assert unknown_setting("dreamer", known).endswith("set dreamer=octaves")


@pytest.mark.parametrize(
    ("given", "read"),
    [
        ("camera.zoom_per_second=1.2", "1.2"),
        ("camera.zoom_per_second=1 + 0.2*sin(2*pi*t/4)", "'1 + 0.2*sin(2*pi*t/4)'"),
        ("camera.zoom_per_second=0s: 1, 4s: 2", "'0s: 1, 4s: 2'"),
        ("camera.zoom_per_second='0s: 1'", "'0s: 1'"),
        ('objective.weights=["3s: 1, 5s: 0","3s: 0"]', '["3s: 1, 5s: 0","3s: 0"]'),
        ("warp.persistence=${x}", "${x}"),
        ("objective.layers=[blocks.9,blocks.5]", "[blocks.9,blocks.5]"),
        ("objective.weights=[1,max(t, 2)]", "[1,'max(t, 2)']"),
        ("objective.weights=[1,max(min(t, 1), 2),0.5]", "[1,'max(min(t, 1), 2)',0.5]"),
    ],
)
def test_a_schedule_is_quoted_for_hydra(given: str, read: str) -> None:
    assert prepare([given]) == [f"{given.partition('=')[0]}={read}"]


def test_a_sweep_parts_expressions_and_leaves_keyframes_whole() -> None:
    one = prepare(["-m", "camera.zoom_per_second=1.1,max(1, t),2*t"])
    assert one[1] == "camera.zoom_per_second=1.1,'max(1, t)','2*t'"
    other = prepare(["-m", "camera.zoom_per_second=0s: 1, 4s: 2"])
    assert other[1] == "camera.zoom_per_second='0s: 1, 4s: 2'"


def test_files_of_a_sweep_may_be_quoted_each_or_not() -> None:
    asked = ["-m", "input='my clip (1).mp4','other.mp4'"]
    assert prepare(["-m", "input='my clip (1).mp4',other.mp4"]) == asked
    assert prepare(["-m", "input=my clip (1).mp4,other.mp4"]) == asked


def test_options_may_stand_among_the_settings() -> None:
    given = ["seed=3", "-m", "frames=1", "--config-dir", "ours", "width=64"]
    asked = ["-m", "--config-dir", "ours", "seed=3", "frames=1", "width=64"]
    assert prepare(given) == asked
    assert prepare(given, before=["start=1"]) == [*asked[:3], "start=1", *asked[3:]]


@pytest.mark.parametrize("kind", ["webp", "png"])
def test_an_animated_picture_is_a_video(tmp_path: Path, kind: str) -> None:
    frames = [Image.new("RGB", (16, 16), (shade, 0, 0)) for shade in (0, 80, 160)]
    moving, still = tmp_path / f"moving.{kind}", tmp_path / f"still.{kind}"
    frames[0].save(moving, save_all=True, append_images=frames[1:], duration=40)
    frames[0].save(still)
    assert not is_pictures(str(moving))
    assert is_pictures(str(still))
    assert "source=images" not in prepare([f"input={moving}"])
    assert "source=images" in prepare([f"input={still}"])


@pytest.mark.parametrize(
    "value", ["[1,2]", "[true]", "[dis,null]", "[[1]]", "[]", "${seed}", "[dis,{a:1}]"]
)
def test_the_value_of_a_group_is_a_name(value: str) -> None:
    with pytest.raises(UserError, match=r"^flow: must be the name of a choice, got .*; set flow="):
        prepare([f"flow={value}"], ["flow"])
