"""Parts from settings: what is built, and what is said of settings that are refused."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
from helpers.clips import FITTING, LIMITS

from pipeline.config.instantiate import build
from pipeline.config.targets import resolve_target
from pipeline.errors import UserError
from pipeline.objective.norm import Norm

NORM = {"_target_": "pipeline.objective.norm.Norm", "layers": ["a"], "weights": None}
FRAMES = {
    "_target_": "pipeline.source.images.Images",
    "path": "x.png",
    "rate": 25,
    "start": None,
    "end": None,
    "frames": 0,
    "height": None,
    "width": None,
    "fitting": FITTING,
    "limits": LIMITS,
}


def built(settings: Any, **defaults: Any) -> Any:
    """The part, with nothing but our own code trusted."""
    return build(settings, "part", trusted=["pipeline"], defaults=defaults)


def refusal(settings: Any, **defaults: Any) -> str:
    """The line that refuses these settings."""
    with pytest.raises(UserError) as caught:
        built(settings, **defaults)
    return str(caught.value)


def test_a_target_is_called_with_its_settings() -> None:
    assert built(NORM) == Norm(layers=("a",), weights=None)


def test_parts_within_lists_and_settings_are_built_too() -> None:
    whole = built({"these": [NORM, 1], "that": {"norm": NORM}})
    norm = Norm(layers=("a",), weights=None)
    assert whole == {"these": [norm, 1], "that": {"norm": norm}}


def test_text_that_looks_like_a_reference_is_not_resolved() -> None:
    assert built({**NORM, "layers": ["${oc.env:HOME}"]}).layers == ("${oc.env:HOME}",)


def test_a_refused_value_is_named_with_rule_and_default() -> None:
    line = refusal({**NORM, "layers": []}, layers=["blocks.9"])
    assert line == (
        "part.layers: must be a list of at least 1, got []; set 'part.layers=[blocks.9]'"
    )


def test_what_is_wrong_with_an_item_is_said_of_its_list() -> None:
    line = refusal({**NORM, "weights": [1, "x"]})
    assert line.startswith("part.weights: must each be a number, got [1, 'x'];")


def test_a_rule_about_two_settings_names_the_one_it_begins_with() -> None:
    line = refusal({**NORM, "weights": [1, 2]})
    assert line.startswith("part.weights: must contain one number per layer, got 2 for 1 layers;")


def test_a_setting_that_another_key_feeds_is_called_by_that_key() -> None:
    line = refusal(FRAMES, frames="${frames}")
    assert line == "frames: must be at least 1, got 0; set frames=null"


def test_true_is_no_number() -> None:
    assert refusal({**FRAMES, "frames": True}).startswith("part.frames: must be a number, got true")


def test_a_function_has_its_arguments_held_against_their_types() -> None:
    settings = {"_target_": "pipeline.model.torchvision.classifier", "name": 5}
    assert refusal(settings).startswith("part.name: must be text, got 5;")


@pytest.mark.parametrize("name", ["laers", "_partial_", "_args_"])
def test_a_setting_that_the_target_does_not_know_is_refused(name: str) -> None:
    assert refusal({**NORM, name: 1}).startswith(f"part.{name}: is not a setting of this part;")


def test_a_package_that_is_not_trusted_is_not_even_imported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "stranger.py").write_text("from fractions import Fraction\n\nclass Part: pass\n")
    monkeypatch.syspath_prepend(tmp_path)
    assert "trust=[stranger]" in refusal({"_target_": "stranger.Part"})
    assert "stranger" not in sys.modules
    trusting = ["pipeline", "stranger"]
    assert type(build({"_target_": "stranger.Part"}, "part", trusted=trusting)).__name__ == "Part"
    # what a trusted module has imported from elsewhere is not trusted by that
    with pytest.raises(UserError, match="class or function of pipeline or stranger"):
        resolve_target("stranger.Fraction", "part", trusting)
    del sys.modules["stranger"]


@pytest.mark.parametrize(
    "target", ["pipeline", "pipeline.", ".frame", "pipeline..frame", "", 5, None]
)
def test_a_target_that_is_no_dotted_name_is_refused(target: object) -> None:
    assert "must be the dotted name of a class" in refusal({"_target_": target})


@pytest.mark.parametrize("target", ["pipeline.frame", "pipeline.no.Part"])
def test_a_target_that_is_no_class_or_function_of_ours_is_refused(target: str) -> None:
    assert "class or function" in refusal({"_target_": target})
