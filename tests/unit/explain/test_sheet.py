"""pipeline.explain: the sheet of a picture and its dream, as the command writes it."""

from __future__ import annotations

import json
import re
from pathlib import Path

import cv2
import numpy as np
import pytest
from helpers.command_line import Ran, ended, run, spawn
from helpers.sampling import every
from skimage import data

from pipeline.explain import channels
from pipeline.explain.words import per_cent, place
from pipeline.model import Model

QUICK = ("dream_width=256", "dreamer.iterations=2", "dreamer.octaves=2")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a picture, and with drawings of all channels that a sheet could show."""
    result = tmp_path_factory.mktemp("explain")
    cv2.imwrite(str(result / "cup.png"), cv2.resize(data.coffee()[..., ::-1], (300, 200)))
    cache = result / "dreamreel" / "channels" / _weights()
    cache.mkdir(parents=True)
    for number in range(112):
        drawing = np.full((channels.SIDE, channels.SIDE, 3), number, np.uint8)
        cv2.imwrite(str(cache / f"blocks.9-{number}-v{channels.VERSION}.png"), drawing)
    return result


def _weights() -> str:
    from pipeline.config.compose import compose_stage

    network: Model = compose_stage("model")
    return network.weights_sha256[:16]


def explained(folder: Path, *words: str) -> Ran:
    """The command, which finds the drawings in this folder."""
    command = ("-m", "pipeline", "explain", *words)
    return ended(spawn(*command, cwd=folder, XDG_CACHE_HOME=str(folder)))


@pytest.fixture(scope="module")
def sheet(folder: Path) -> Path:
    words = ("explain.classes=[espresso,lion]", "width=280", *QUICK)  # the input is 300 wide
    ran = explained(folder, "cup.png", *words)
    assert ran.code == 0, ran.err
    assert ran.out.split() == ["cup.explain.png", "cup.explain.html", "cup.explain.json"]
    return folder / "cup.explain.png"


@pytest.mark.slow
def test_the_figures_are_in_pixels_of_the_input(sheet: Path) -> None:
    content = json.loads(sheet.with_suffix(".json").read_text("utf-8"))
    assert list(content["classes"]) == ["espresso", "lion"]
    espresso = content["classes"]["espresso"]["picture"]
    assert espresso["probability"] > 0.1 > content["classes"]["lion"]["picture"]["probability"]
    across, down = espresso["peak"]
    assert 80 < across < 200  # in the cup
    assert 20 < down < 130
    assert espresso["covered"] < espresso["probability"]
    assert next(iter(content["top"]["picture"])) == "espresso"
    kinds = [layer["kind"] for layer in content["layers"]]
    assert [*dict.fromkeys(kinds)] == ["textures", "parts", "objects"]
    assert content["channels"]["layer"] == "blocks.9"
    assert len(content["channels"]["numbers"]) == channels.COUNT
    assert len(content["growth"]["espresso"]) == content["steps"] + 1 == 5
    assert "control" not in content["classes"]["lion"]
    said = content["sentences"]
    assert said[0].startswith("Before dreaming the network takes it for: espresso ")
    assert re.search(r"\u201clion\u201d under 1 %; after 4 steps", " ".join(said))


@pytest.mark.slow
def test_the_page_asks_for_nothing_and_says_what_maps_cannot_tell(sheet: Path) -> None:
    page = sheet.with_suffix(".html").read_text("utf-8")
    assert not re.findall(r"(?:src|href)=\"(?!data:)", page)
    assert "default-src 'none'" in page
    assert "<script" not in page
    for words in ("Adebayo", "textures", "blocks.9", "espresso", "not why"):
        assert words in page


@pytest.mark.slow
def test_the_picture_is_a_sheet(sheet: Path) -> None:
    picture = cv2.imread(str(sheet))
    assert picture is not None
    assert picture.shape[1] == 1400
    assert picture.shape[0] > 1000


@pytest.mark.slow
def test_existing_files_are_kept(folder: Path, sheet: Path) -> None:
    line = explained(folder, "cup.png", *QUICK).line
    assert line == (
        "output: must not exist yet, got cup.explain.png; add -y to replace it, or choose another "
        "name with -o"
    )


@pytest.mark.slow
def test_files_are_replaced_if_that_is_asked_for(folder: Path, sheet: Path) -> None:
    ran = explained(folder, "cup.png", "-y", "explain.control=true", "explain.classes=lion", *QUICK)
    assert ran.code == 0, ran.err
    content = json.loads(sheet.with_suffix(".json").read_text("utf-8"))
    assert "control" in content["classes"]["lion"]


@pytest.mark.parametrize(
    ("words", "line"),
    every(
        4,
        [
            (["width=64"], "input: must be set, got nothing"),
            (["cup.png", "-o", "x.jpg"], "output: must end in .png, got x.jpg; write -o x.png"),
            (
                ["cup.png", "-o", "no/x.png"],
                "output: its folder must exist, got no; create it first",
            ),
            (["no.png"], "input: must be"),
            (["."], "explain: must be used with a single picture"),
            (["cup.png", "recipe=zoom"], "recipe: must be left out"),
            (["cup.png", "frames=5"], "frames: must be left out"),
            (["cup.png", "explain.classes=[lions]"], "similar ones are "),
            (["cup.png", "explain.classes=[1.5]"], "explain.classes: must be null or a list of"),
            (["cup.png", "explain.control=maybe"], "explain.control: must be true or false"),
            (["cup.png", "objective.layers=nowhere"], "objective.layers: must be layers of the"),
        ],
    ),
)
def test_what_is_wrong_is_one_line(folder: Path, words: list[str], line: str) -> None:
    output = () if "-o" in words else ("-o", "new.png")
    ran = run("explain", *words, *output, cwd=folder)
    assert line in ran.line
    assert not list(folder.glob("new*"))


@pytest.mark.slow
def test_a_channel_is_drawn_once(
    folder: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    import torch

    from pipeline.config.compose import compose_stage

    drawn = []

    def dream_with(job: object, objective: object) -> torch.Tensor:
        drawn.append(objective)
        return torch.full((1, 3, channels.SIDE, channels.SIDE), 0.5)

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(channels, "dream_with", dream_with)
    network = compose_stage("model")
    image, cpu = torch.rand(1, 3, 96, 96), torch.device("cpu")
    for _ in range(2):
        (channel,) = channels.drawn_channels(network, image, "blocks.9", [7], cpu)
    assert len(drawn) == 1
    assert channel.drawing.shape == (channels.SIDE, channels.SIDE, 3)
    assert channel.heat.shape == (96, 96)
    (cached,) = tmp_path.rglob("*.png")
    cached.write_bytes(b"no picture")
    channels.drawn_channels(network, image, "blocks.9", [7], cpu)
    assert len(drawn) == 2
    cached.unlink()
    monkeypatch.setenv("XDG_CACHE_HOME", "/proc")  # no cache can be kept there
    channels.drawn_channels(network, image, "blocks.9", [7], cpu)
    assert len(drawn) == 3


@pytest.mark.parametrize(
    ("peak", "words"),
    [
        ((0, 0), "the upper left"),
        ((299, 199), "the lower right"),
        ((150, 100), "the middle"),
        ((150, 0), "the top"),
        ((10, 100), "the left side"),
    ],
)
def test_places_have_names(peak: tuple[int, int], words: str) -> None:
    assert place(peak, (200, 300)) == words


def test_shares_are_in_per_cent() -> None:
    assert [per_cent(share) for share in (0, 0.009, 0.014, 1)] == [
        "under 1 %",
        "under 1 %",
        "1 %",
        "100 %",
    ]
