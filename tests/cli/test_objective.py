"""Every objective as the user asks for it: over a photograph, footage and a zoom."""

from __future__ import annotations

import json
from itertools import product
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import pytest
import skimage.data
import yaml
from helpers.clips import video, write
from helpers.command_line import files, rendered, run
from helpers.sampling import every
from helpers.scenes import pan
from helpers.stages import CONF, part

from pipeline.frame import Guide, to_image
from pipeline.gradient import Gradient

OBJECTIVES = sorted({path.stem for path in (CONF / "objective").glob("*.yaml")} - {"weighted"})
QUICK = ("dreamer.iterations=3", "dreamer.octaves=2")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a photograph and a video."""
    photograph = cv2.resize(skimage.data.coffee(), (160, 112), interpolation=cv2.INTER_AREA)
    cv2.imwrite(str(tmp_path / "cup.png"), cv2.cvtColor(photograph, cv2.COLOR_RGB2BGR))
    guide = cv2.resize(skimage.data.coins(), (160, 126), interpolation=cv2.INTER_AREA)
    cv2.imwrite(str(tmp_path / "coins.png"), guide)
    write(tmp_path / "clip.mp4", pan(3, height=112, width=160, velocity=(2, 0)))
    return tmp_path


@pytest.mark.parametrize(
    ("name", "mode"),
    every(8, product([*OBJECTIVES, "norm+label"], ["still", "video", "zoom"])),
)
def test_an_objective_works_everywhere(folder: Path, name: str, mode: str) -> None:
    words = {
        "still": ("input=cup.png", *QUICK),
        "video": ("input=clip.mp4", *QUICK),
        "zoom": ("recipe=zoom", "input=cup.png", "frames=3"),
    }[mode]
    guide = ("guide=coins.png",) if name == "guide" else ()
    output = "output=x.png" if mode == "still" else "output=x.mkv"
    rendered(*words, *guide, f"objective={name}", output, cwd=folder)
    made = next(folder.glob("x.*.render"))
    report = json.loads((made / "report.json").read_text())
    assert report["frames"] == (1 if mode == "still" else 3)
    assert sum(report["steps_at_size"].values()) > 0
    assert set(report["seen"]) == {"first", "last"}
    assert len(report["seen"]["first"]["dream"]) == 5


@pytest.mark.slow
def test_a_class_is_seen_by_another_network_and_is_no_fine_noise(folder: Path) -> None:
    photograph = cv2.resize(skimage.data.coffee(), (320, 224), interpolation=cv2.INTER_AREA)
    cv2.imwrite(str(folder / "coffee.png"), cv2.cvtColor(photograph, cv2.COLOR_RGB2BGR))
    words = ("input=coffee.png", "objective=label", "objective.label=volcano")
    usual = [
        f"dreamer.{key}={value}"
        for key, value in yaml.safe_load((CONF / "dreamer/octaves.yaml").read_text()).items()
        if key in ("step_size", "smoothing", "decorrelation", "total_variation")
    ]
    rendered(*words, "output=object.png", cwd=folder)
    rendered(*words, *usual, "output=noise.png", cwd=folder)
    network = part("model", "efficientnet_lite1")
    ((layer, names),) = network.scores.items()
    image = to_image(cv2.cvtColor(cv2.imread(str(folder / "object.png")), cv2.COLOR_BGR2RGB), "cpu")
    best = network(image, [layer])[layer][0].topk(5).indices.tolist()
    assert "volcano" in [names[number] for number in best]

    def fineness(name: str) -> float:
        """Share of what was added that a slight blur would remove."""
        before, after = (
            cv2.imread(str(folder / one)).astype(np.float32) for one in ("coffee.png", name)
        )
        added = after - before
        return float((added - cv2.GaussianBlur(added, (0, 0), 1.5)).std() / added.std())

    assert fineness("object.png") < 0.7 * fineness("noise.png")


@pytest.mark.slow
def test_a_guide_alone_says_what_is_wanted_and_its_motifs_come(folder: Path) -> None:
    def dreamt(guide: str) -> npt.NDArray[np.uint8]:
        rendered("input=cup.png", f"guide={guide}", *QUICK, "output=x.png", "overwrite=true",
                 cwd=folder)  # fmt: skip
        recipe = yaml.safe_load((folder / "x.png.render/recipe.yaml").read_text())
        assert (recipe["guide"], recipe["objective"]["guide_size"]) == (guide, 128)
        return cv2.cvtColor(cv2.imread(str(folder / "x.png")), cv2.COLOR_BGR2RGB)

    brick = cv2.resize(skimage.data.brick(), (128, 128), interpolation=cv2.INTER_AREA)
    cv2.imwrite(str(folder / "brick.png"), brick)
    network, guided = part("model", "efficientnet_lite0"), part("objective", "guide")
    coins, bricks = dreamt("coins.png"), dreamt("brick.png")
    for guide, own, foreign in (("coins.png", coins, bricks), ("brick.png", bricks, coins)):
        picture = cv2.imread(str(folder / guide))
        score = Gradient(network, guided.bind(network, Guide(picture))).score
        assert score(to_image(own, "cpu")) > 1.1 * score(to_image(foreign, "cpu"))


@pytest.mark.slow
def test_a_guide_that_is_a_video_keeps_step_with_the_input(folder: Path) -> None:
    """Three pictures of one guide and three of another, over a scene that stands still."""
    brick = cv2.resize(skimage.data.brick(), (160, 112), interpolation=cv2.INTER_AREA)
    coins = cv2.imread(str(folder / "coins.png"))[:112]
    bricks = np.repeat(brick[..., None], 3, axis=2)
    still = pan(1, height=112, width=160, velocity=(0, 0)) * 6
    write(folder / "still.mkv", still, "-c:v", "ffv1")
    write(folder / "guide.mkv", [*[coins] * 3, *[bricks] * 3], "-c:v", "ffv1")
    cv2.imwrite(str(folder / "bricks.png"), bricks)
    cv2.imwrite(str(folder / "coins.png"), coins)
    words = ("input=still.mkv", *QUICK, "overwrite=true", "output=x.mkv")

    def dreamt(*more: str) -> npt.NDArray[np.uint8]:
        rendered(*words, *more, cwd=folder)
        return np.array(list(video(folder / "x.mkv").pictures()))

    changing, first = dreamt("guide=guide.mkv"), dreamt("guide=coins.png")
    assert np.array_equal(changing[:3], first[:3])
    assert not np.array_equal(changing[3], first[3])
    late, second = dreamt("guide=guide.mkv", "start=0.12"), dreamt("guide=bricks.png", "frames=3")
    assert np.array_equal(late, second)


@pytest.mark.slow
def test_joined_objectives_are_weighed_by_their_names(folder: Path) -> None:
    words = ("input=cup.png", "output=x.png", *QUICK, "objective=norm+label")
    weights = ("objective.weights.norm=-0.5", "objective.weights.label=1 + t")
    rendered(*words, *weights, "objective.terms.label.label=teapot", cwd=folder)
    recipe = yaml.safe_load((folder / "x.png.render/recipe.yaml").read_text())["objective"]
    assert recipe["weights"] == {"norm": -0.5, "label": "1 + t"}
    assert recipe["terms"]["label"]["label"] == "teapot"


@pytest.mark.parametrize(
    ("words", "line"),
    every(4, [
        (["objective=label", "objective.label=volcanno"], "similar ones are volcano"),
        (["objective=label", "objective.label=tiger cats"], "similar ones are tiger cat"),
        (["objective=label", "objective.label=1000"], "from 0 to 999, got 1000"),
        (["objective=channel", "objective.channels=[3,9999]"], "at most 111 in blocks.9, got 9999"),
        (["objective=channel", "objective.channels=-1"], "objective.channels"),
        (["objective=channel", "objective.layers=blocks.99"], "similar names are"),
        (["objective=neuron", "objective.x=1.5"], "objective.x: must be at most 1"),
        (["objective=strongest", "objective.count=200"], "objective.count: must be at most 112"),
        (["objective=strongest", "objective.rank=best"], "strongest"),
        (["objective=norm+"], "on both sides of each +, got 'norm+'; set objective=norm+label"),
        (["objective=weighted"], "objective.terms: must contain one"),
        (["objective=norm+label", "objective.weights.nrm=2"], "objective.weights.nrm"),
        (["objective=norm+label", "objective.weights.norm=0", "objective.weights.label=0"],
         "objective.terms: must contain one with a weight other than 0"),
        (["objective=norm+label", "objective.weights.norm=1 +"], "objective.weights.norm"),
        (["objective=guide"], "guide: must be set for objective=guide, got null; set guide="),
        (["objective=norm+guide"], "guide: must be set for objective=guide, got null"),
        (["guide=coins.png", "objective=label"], "must be used with an objective that needs it"),
        (["guide=coins.png", "look=eyes"], "guide: must be used with an objective"),
        (["guide=gone.png"], "guide: must be a readable file, got gone.png"),
        (["guide=text.png"], "guide: must be a picture"),
        (["guide=text.mp4"], "guide: must be a video"),
        (["guide=coins.png", "objective.guide_size=32"], "guide_size: must be at least 48"),
        (["guide=coins.png", "objective.layers=blocks.99"], "objective.layers: must be layers"),
        (["guide=coins.png", "output=coins.png"], "output: must not be the guide"),
    ]),
)  # fmt: skip
def test_what_cannot_be_asked_for_is_one_line(folder: Path, words: list[str], line: str) -> None:
    for name in ("text.png", "text.mp4"):
        (folder / name).write_text("no picture")
    before = files(folder)
    assert line in run("input=cup.png", *words, cwd=folder).line
    assert files(folder) == before
