"""Every objective as the user asks for it: over a photograph, footage and a zoom."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import pytest
import skimage.data
import yaml
from clips import write
from command_line import files, rendered, run

from tests.conftest import CONF, pan

OBJECTIVES = sorted({path.stem for path in (CONF / "objective").glob("*.yaml")} - {"weighted"})
QUICK = ("dreamer.iterations=3", "dreamer.octaves=2")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a photograph and a video."""
    photograph = cv2.resize(skimage.data.coffee(), (160, 112), interpolation=cv2.INTER_AREA)
    cv2.imwrite(str(tmp_path / "cup.png"), cv2.cvtColor(photograph, cv2.COLOR_RGB2BGR))
    write(tmp_path / "clip.mp4", pan(3, height=112, width=160, velocity=(2, 0)))
    return tmp_path


@pytest.mark.parametrize("mode", ["still", "video", "zoom"])
@pytest.mark.parametrize("name", [*OBJECTIVES, "norm+label"])
def test_an_objective_works_everywhere(folder: Path, name: str, mode: str) -> None:
    words = {
        "still": ("input=cup.png", *QUICK),
        "video": ("input=clip.mp4", *QUICK),
        "zoom": ("recipe=zoom", "input=cup.png", "frames=3"),
    }[mode]
    rendered(*words, f"objective={name}", "output=x.png" if mode == "still" else "output=x.mkv",
             cwd=folder)  # fmt: skip
    made = next(folder.glob("x.*.render"))
    report = json.loads((made / "report.json").read_text())
    assert report["frames"] == (1 if mode == "still" else 3)
    assert sum(report["steps_at_size"].values()) > 0
    assert set(report["seen"]) == {"first", "last"}
    assert len(report["seen"]["first"]["dream"]) == 5


def test_joined_objectives_are_weighed_by_their_names(folder: Path) -> None:
    words = ("input=cup.png", "output=x.png", *QUICK, "objective=norm+label")
    weights = ("objective.weights.norm=-0.5", "objective.weights.label=1 + t")
    rendered(*words, *weights, "objective.terms.label.label=teapot", cwd=folder)
    recipe = yaml.safe_load((folder / "x.png.render/recipe.yaml").read_text())["objective"]
    assert recipe["weights"] == {"norm": -0.5, "label": "1 + t"}
    assert recipe["terms"]["label"]["label"] == "teapot"


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["objective=label", "objective.label=volcanno"], "near ones are volcano"),
        (["objective=label", "objective.label=tiger cats"], "near ones are tiger cat"),
        (["objective=label", "objective.label=1000"], "from 0 to 999, got 1000"),
        (["objective=channel", "objective.channels=[3,9999]"], "at most 111 in blocks.9, got 9999"),
        (["objective=channel", "objective.channels=-1"], "objective.channels"),
        (["objective=channel", "objective.layers=blocks.99"], "near ones are"),
        (["objective=neuron", "objective.x=1.5"], "objective.x: must be at most 1"),
        (["objective=strongest", "objective.count=200"], "objective.count: must be at most 112"),
        (["objective=strongest", "objective.rank=best"], "strongest"),
        (["objective=norm+"], "before and behind each +, got 'norm+'; say objective=norm+label"),
        (["objective=weighted"], "objective.terms: must hold one"),
        (["objective=norm+label", "objective.weights.nrm=2"], "objective.weights.nrm"),
        (["objective=norm+label", "objective.weights.norm=0", "objective.weights.label=0"],
         "objective.terms: must hold one whose weight is not 0"),
        (["objective=norm+label", "objective.weights.norm=1 +"], "objective.weights.norm"),
    ],
)  # fmt: skip
def test_what_cannot_be_asked_for_is_one_line(folder: Path, words: list[str], line: str) -> None:
    before = files(folder)
    assert line in run("input=cup.png", *words, cwd=folder).line
    assert files(folder) == before
