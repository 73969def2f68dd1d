"""Classes and looks that fade into one another over time."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest

from pipeline.config.arguments import prepare
from pipeline.config.compose import check, compose_settings, settings_of
from pipeline.config.fades import with_fades
from pipeline.errors import UserError
from pipeline.schedule import parse


def composed(*words: str) -> tuple[dict[str, Any], dict[str, str]]:
    """The settings that these words lead to, checked, and the choices."""
    cfg, choices = compose_settings("input=clip.mp4", *words)
    check(cfg, choices)
    return settings_of(cfg), choices


def weights_at(settings: dict[str, Any], seconds: float) -> list[float]:
    """The weight of each term at this time."""
    return [
        parse(text, rate=25, count=None)({"frame": 25 * seconds})
        for text in settings["objective"]["weights"].values()
    ]


def test_classes_fade_into_one_another() -> None:
    settings, choices = composed("objective=label", "objective.label=0s: tabby, 4s: tiger cat")
    assert choices["objective"] == "weighted"
    terms = settings["objective"]["terms"].values()
    assert [term["label"] for term in terms] == ["tabby", "tiger cat"]
    assert weights_at(settings, 0) == [1, 0]
    assert weights_at(settings, 3) == [0.25, 0.75]
    assert weights_at(settings, 9) == [0, 1]
    single, _ = composed("objective=label")
    assert settings["dreamer"] == single["dreamer"] != composed()[0]["dreamer"]


def test_a_class_may_return_and_the_way_to_the_next_one_may_be_named() -> None:
    settings, _ = composed("objective.label=0: tabby hold, 50: volcano smooth, 100: tabby")
    assert len(settings["objective"]["terms"]) == 2
    assert weights_at(settings, 1.9) == [1, 0]
    assert weights_at(settings, 3) == [0.5, 0.5]
    assert weights_at(settings, 4) == [1, 0]


def renewal(*words: str) -> list[float]:
    """The rate at which the dream is renewed, in each of 200 frames of 8 seconds."""
    text = composed(*words)[0]["warp"]["renewal_per_second"]
    schedule = parse(str(text), rate=25, count=None)
    return [schedule({"frame": float(k), "rate": 25.0}) for k in range(200)]


@pytest.mark.parametrize(
    ("keys", "begin", "end"),
    [
        ("1s: tabby, 5s: volcano", 1, 5),
        ("25: tabby smooth, 125: volcano, 6s: volcano", 1, 5),
        ("1s: tabby, 50: volcano", 1, 2),
        ("1s: tabby hold, 3s: volcano", 3, 4),
        ("0s: tabby, 1s: tabby hold, 3s: volcano, 7s: volcano", 3, 4),
    ],
)
def test_the_dream_of_a_class_is_renewed_while_the_next_one_comes(
    keys: str, begin: float, end: float
) -> None:
    rates = renewal(f"objective.label={keys}")
    left = math.exp(-sum(rates) / 25)
    assert left == pytest.approx(0.05, abs=0.01)
    assert all(rates[k] > 0 for k in range(round(begin * 25) + 1, round(end * 25)))
    assert not any(rates[: round(begin * 25)] + rates[round(end * 25) :])


def test_that_of_a_look_stays_and_a_rate_that_is_set_holds() -> None:
    assert set(renewal("look=0s: fur, 4s: lace")) == {0}
    words = ("objective.label=1s: tabby, 5s: volcano", "warp.renewal_per_second=2")
    assert set(renewal(*words)) == {2}


def test_looks_fade_with_what_shapes_them() -> None:
    settings, choices = composed("look=0s: roses, 2s: painted, 4s: tour")
    assert choices["model"] == "efficientnet_lite0"
    roses, painted, tour = settings["objective"]["terms"].values()
    assert (roses["layers"], roses["channels"]) == (["blocks.6"], [11])
    assert painted["layers"] == ["blocks.9"]
    assert tour["weights"][1] == "tour(t, 1, 4, 32)"
    variation = parse(settings["dreamer"]["total_variation"], rate=25, count=None)
    assert [variation({"frame": 25.0 * t}) for t in (0, 1, 2, 3)] == [0, 0.25, 0.5, 0.25]


def test_a_look_of_ones_own_may_be_among_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    (tmp_path / "dreamreel" / "look").mkdir(parents=True)
    text = "# @package _global_\ndefaults:\n  - override /model: googlenet\n"
    text += "objective:\n  layers: [inception4c]\n"
    (tmp_path / "dreamreel" / "look" / "mine.yaml").write_text(text)
    words = prepare(["look=0s: mine, 4s: natural"])
    assert "model=googlenet" in words
    with pytest.raises(UserError, match=r"^look: must consist of looks that are made for the same"):
        with_fades(["look=0s: mine, 4s: fur"])


def test_an_objective_named_twice_is_two_terms() -> None:
    settings, _ = composed(
        "objective=label+label", "objective.terms.label.label=tabby",
        "objective.terms.label2.label=volcano",
    )  # fmt: skip
    terms = settings["objective"]["terms"]
    assert {name: term["label"] for name, term in terms.items()} == {
        "label": "tabby", "label2": "volcano",
    }  # fmt: skip


def test_a_plain_name_is_left_alone() -> None:
    words = ["look=fur", "objective.label=tabby", "camera.zoom_per_second=0s: 1, 4s: 2"]
    assert with_fades(words) == words


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["look=0s: fur, lace"], "look: must consist of names at given times, got 'lace'"),
        (["look=0s: fur, 4s: no such"], "look: must consist of looks at given times, got"),
        (["look=0s: fur, 4s: lace", "model=vgg16"], "look: must consist of looks that are made"),
        (["look=0s: fur, 4s: lace", "objective=norm"], "look: must be the only objective if it"),
        (["objective=label+norm", "objective.label=0s: a, 4s: b"], "objective.label: must be the"),
        (["look=0s: fur", "objective.label=0s: a"], "look: must be the only objective"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_one_line(words: list[str], line: str) -> None:
    with pytest.raises(UserError) as error:
        prepare(words)
    assert str(error.value).startswith(line)
    assert "\n" not in str(error.value)
