"""Every yaml holds what its part takes, no more and no less, and says what it means."""

from __future__ import annotations

import inspect
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from helpers.clips import counted
from helpers.clips import run as ffmpeg
from helpers.sampling import every
from helpers.settings import composed, name
from helpers.stages import CONF, READ

from pipeline.config.arguments import ENCODERS
from pipeline.config.documentation import STAGES
from pipeline.config.instantiate import ScheduledConfig, build
from pipeline.config.targets import TARGET, resolve_target
from pipeline.schedule import VARIABLES

YAMLS = sorted([*CONF.glob("*/*.yaml"), *CONF.glob("quality/*/*.yaml")])
PARTS = [path for path in YAMLS if path.parent.parent == CONF and path.parent.name in STAGES]
DOWNLOADS = (
    "pipeline.model.torchvision.classifier",
    "pipeline.model.timm.named",
    "pipeline.model.inceptionv1.inceptionv1",
    "pipeline.flow.raft.Raft",
)
"""Parts whose weights are not installed: they are downloaded, or a file of the user."""


def settings(path: Path) -> dict[str, Any]:
    """What the yaml holds, nothing resolved."""
    return yaml.safe_load(path.read_text("utf-8")) or {}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a video, and one with its pictures."""
    counted(tmp_path / "clip.mp4", frames=3)
    (tmp_path / "shots").mkdir()
    ffmpeg("-i", str(tmp_path / "clip.mp4"), str(tmp_path / "shots" / "%d.png"))
    return tmp_path


def test_every_group_of_parts_has_a_default_and_a_folder() -> None:
    # recipe and hydra are no parts: they say how the others are set
    folders = {path.name for path in CONF.iterdir() if path.is_dir()}
    assert set(STAGES) <= folders
    defaults = {key for line in settings(CONF / "config.yaml")["defaults"] if isinstance(line, dict)
                for key in line}  # fmt: skip
    assert folders - {"hydra"} <= defaults


@pytest.mark.parametrize("path", PARTS, ids=name)
def test_a_yaml_names_a_part_of_ours_and_all_its_settings(path: Path) -> None:
    given = settings(path)
    target = resolve_target(given.pop(TARGET), name(path), ["pipeline"])
    assert list(given) == list(inspect.signature(target).parameters)


@pytest.mark.parametrize("path", PARTS, ids=name)
def test_a_default_stands_in_the_yaml_and_nowhere_in_python(path: Path) -> None:
    target = resolve_target(settings(path)[TARGET], name(path), ["pipeline"])
    for parameter in inspect.signature(target).parameters.values():
        assert parameter.default is inspect.Parameter.empty, parameter


@pytest.mark.parametrize("path", [CONF / "config.yaml", *YAMLS], ids=name)
def test_every_key_says_in_a_comment_what_it_means(path: Path) -> None:
    text, _, _ = path.read_text("utf-8").partition("\nhydra:")  # what follows are Hydra's own
    lines = text.splitlines()
    if path != CONF / "config.yaml":
        assert any(line.startswith("# ") and "@package" not in line for line in lines), "no heading"
    for before, line in zip(["", *lines], lines, strict=False):
        key = re.match(r"( *)([\w-]+):( |$)", line)
        plain = key is None or key[2] in (TARGET, "defaults")
        assert plain or "# " in line or before.lstrip().startswith("# "), line


@pytest.mark.parametrize("path", every(3, PARTS), ids=name)
def test_a_choice_can_be_built(folder: Path, path: Path) -> None:
    target = settings(path)[TARGET]
    if target in DOWNLOADS:
        pytest.skip("its weights are not installed")
    group = path.parent.name
    settled = composed(name(path), f"input={folder}/clip.mp4")[group]
    template = ScheduledConfig.of(settled, group, READ, trusted=["pipeline"])
    part = template.at({**dict.fromkeys(VARIABLES, 0.0), "rate": 25.0})
    for key in settings(path).keys() - {TARGET}:
        assert hasattr(part, key) or inspect.isfunction(
            resolve_target(target, key, ["pipeline"])
        ), key


@pytest.mark.parametrize("path", sorted(CONF.glob("source/*.yaml")), ids=name)
def test_a_source_gives_pictures_of_the_size_that_it_tells(folder: Path, path: Path) -> None:
    # a kind of source is told by its input: the folder is for pictures, the file for videos
    inputs = {"images": "shots", "feedback": "shots/1.png", "still": "shots/1.png"}
    input_ = folder / inputs.get(path.stem, "clip.mp4")
    asked = (f"input={input_}", "width=64", "frames=2")
    source = build(composed(name(path), *asked)["source"], "source", trusted=["pipeline"])
    pictures = list(source.pictures())
    assert len(pictures) == source.clip.count == (1 if path.stem == "still" else 2)
    assert pictures[0] is not None
    assert {picture.shape for picture in pictures if picture is not None} == {(24, 64, 3)}
    assert (source.clip.height, source.clip.width) == (24, 64)


def test_a_suffix_chooses_an_encoder_that_writes_it() -> None:
    for suffix, choice in ENCODERS.items():
        assert suffix in settings(CONF / "encoder" / f"{choice}.yaml")["suffixes"]


@pytest.mark.parametrize("path", sorted(CONF.glob("encoder/*.yaml")), ids=name)
def test_an_encoders_suffixes_can_all_be_asked_for(path: Path) -> None:
    assert set(settings(path)["suffixes"]) <= set(ENCODERS)


@pytest.mark.parametrize(
    "path",
    sorted([*CONF.glob("recipe/*.yaml"), *CONF.glob("look/*.yaml"), *CONF.glob("quality/*.yaml")]),
    ids=name,
)
def test_a_preset_holds_known_settings_and_only_differences(path: Path) -> None:
    overrides = settings(path)
    plain = composed()
    for key, value in overrides.items():
        assert key == "defaults" or (key in plain and plain[key] != value), key


@pytest.mark.parametrize("path", sorted(CONF.glob("quality/*/*.yaml")), ids=str)
def test_a_quality_or_objective_sets_what_the_chosen_part_has_and_to_something_else(
    path: Path,
) -> None:
    ((group, given),) = settings(path).items()
    changed = "objective" if path.parent.name == "objective" else "quality"
    name, _, choice = path.stem.partition("_")
    usual = settings(CONF / group / f"{choice}.yaml")
    assert all(key in usual and usual[key] != value for key, value in given.items())
    assert composed(f"{changed}={name}", f"{group}={choice}")[group] == {
        **composed(f"{group}={choice}")[group], **given
    }  # fmt: skip


def test_a_quality_gives_way_to_what_is_said_and_to_parts_that_it_does_not_know() -> None:
    assert composed("quality=draft", "dreamer.iterations=7")["dreamer"]["iterations"] == 7
    assert composed("quality=draft", "recipe=visualise") == {
        **composed("recipe=visualise"), "dream_width": 960,
        "warp": {**composed("quality=draft")["warp"], "transitions": False},
    }  # fmt: skip
    assert composed("quality=normal") == composed()
