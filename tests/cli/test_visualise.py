"""recipe=visualise and the dreamer's shaping as the user asks for them."""

from __future__ import annotations

import json
from itertools import product
from pathlib import Path

import cv2
import numpy as np
import pytest
from helpers.clips import write
from helpers.command_line import files, rendered, run
from helpers.sampling import every
from helpers.scenes import pan

QUICK = ("recipe=visualise", "model=efficientnet_lite0", "width=96", "height=96",
         "dreamer.iterations=8", "dreamer.views.side=96")  # fmt: skip


def report(folder: Path, output: str) -> dict[str, object]:
    found: dict[str, object] = json.loads((folder / f"{output}.render/report.json").read_text())
    return found


@pytest.mark.parametrize(
    ("dreamer", "objective"),
    every(
        12,
        product(
            ["fourier", "maco", "pixels"],
            [
                ["objective=label", "objective.label=tabby", "dreamer.views.side=128"],
                ["objective=channel", "objective.layers=blocks.4"],
                ["objective=neuron", "objective.layers=blocks.4"],
                ["objective=norm", "objective.layers=blocks.4"],
                ["objective=norm", "objective.layers=blocks.7"],
            ],
        ),
    ),
)
def test_a_network_draws_what_it_is_asked_for(
    tmp_path: Path, dreamer: str, objective: list[str]
) -> None:
    rendered(*QUICK, f"dreamer={dreamer}", *objective, cwd=tmp_path)
    picture = cv2.imread(str(tmp_path / "dream.png"))
    assert picture is not None
    assert picture.shape == (96, 96, 3)
    assert picture.std() > 2  # of a start that deviates by 0.01, 2.55 of 255
    assert report(tmp_path, "dream.png")["frames"] == 1


@pytest.mark.slow
def test_a_class_comes_to_be_seen_where_nothing_was(tmp_path: Path) -> None:
    words = ("dreamer.iterations=40", "dreamer.views.side=224", "objective=label")
    rendered(*QUICK, *words, "objective.label=volcano", cwd=tmp_path)
    seen = json.loads((tmp_path / "dream.png.render/report.json").read_text())["seen"]["first"]
    assert "volcano" not in seen["picture"]
    assert "volcano" in seen["dream"]  # among the five likeliest of a thousand


def test_frames_make_a_video_of_it_appearing(tmp_path: Path) -> None:
    words = ("objective=channel", "objective.layers=blocks.4", "output=x.mkv")
    rendered(*QUICK, *words, "frames=4", cwd=tmp_path)
    figures = report(tmp_path, "x.mkv")
    assert figures["frames"] == 4
    # eight steps of two views each, shared by the four
    assert figures["steps_at_size"] == {"96x96": 16}
    # measured on the first frame alone, of nothing; the last figures tell that it went on
    assert isinstance(figures["vitals"], dict)
    contrast = figures["vitals"]["contrast"]
    assert contrast == sorted(contrast)


@pytest.mark.slow
def test_the_same_seed_draws_the_same_picture_and_another_another(tmp_path: Path) -> None:
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        rendered(*QUICK, "objective.layers=blocks.4", f"output={name}.png", f"seed={seed}",
                 cwd=tmp_path)  # fmt: skip
    a, b, c = (cv2.imread(str(tmp_path / f"{name}.png")) for name in "abc")
    assert a is not None
    assert np.array_equal(a, b)
    assert not np.array_equal(a, c)


@pytest.mark.slow
@pytest.mark.parametrize(
    "setting",
    every(7, ["pyramid=3", "falloff=0.5", "decorrelation=1", "total_variation=0.5", "distance=10",
              "chroma=10", "smoothing=1.5"]),
)  # fmt: skip
def test_a_gradient_is_shaped_and_a_dream_held_back_over_footage(
    tmp_path: Path, setting: str
) -> None:
    write(tmp_path / "clip.mp4", pan(3, height=112, width=160, velocity=(2, 0)))
    quick = ("input=clip.mp4", "dreamer.iterations=3", "dreamer.octaves=2")
    for name, words in (("plain", ()), ("shaped", (f"dreamer.{setting}",))):
        rendered(*quick, *words, f"output={name}.mkv", cwd=tmp_path)
    gains = [report(tmp_path, f"{name}.mkv")["gain"] for name in ("plain", "shaped")]
    assert gains[0] != gains[1]
    assert isinstance(gains[1], dict)
    assert gains[1]["mean"] > 1


@pytest.mark.parametrize(
    ("words", "line"),
    every(
        4,
        [
            (["dreamer.views.side=16"], "dreamer.views.side: must be at least 32 for these layers"),
            (
                ["dreamer.views.smallest=1.5"],
                "dreamer.views.smallest: must be at most largest, got 1.5 and 1;",
            ),
            (["dreamer.iterations=0"], "dreamer.iterations: must be at least 1, got 0"),
            (["dreamer.parametrisation.falloff=9"], "dreamer.parametrisation.falloff"),
            (["frames=null"], "source.seconds: must be set if frames is not"),
            (
                ["dreamer=octaves", "dreamer.pyramid=20"],
                "dreamer.pyramid: must be at most 8, got 20",
            ),
            (["dreamer=octaves", "dreamer.distance=-1"], "dreamer.distance: must be at least 0"),
        ],
    ),
)
def test_what_cannot_be_is_one_line(tmp_path: Path, words: list[str], line: str) -> None:
    asked = ("recipe=visualise", "model=efficientnet_lite0", "objective.layers=blocks.4")
    assert line in run(*asked, *words, cwd=tmp_path).line
    assert files(tmp_path) == set()
