"""Every look renders a real frame; the scripts that show the choices draw and print them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import cv2
import pytest
import skimage.data
import yaml
from helpers.command_line import rendered
from helpers.sampling import every
from helpers.stages import CONF

from pipeline.model.network.outline import outline

SCRIPTS = CONF.parent / "scripts"
DOWNLOADED = {"puppyslug"}
"""Looks whose network is downloaded, which the tests cannot do."""
LOOKS = sorted({path.stem for path in (CONF / "look").glob("*.yaml")} - DOWNLOADED)


@pytest.fixture
def photograph(tmp_path: Path) -> Path:
    small = cv2.resize(skimage.data.coffee(), (144, 96), interpolation=cv2.INTER_AREA)
    cv2.imwrite(str(tmp_path / "cup.png"), cv2.cvtColor(small, cv2.COLOR_RGB2BGR))
    return tmp_path / "cup.png"


def script(name: str, *words: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(SCRIPTS / name), *words]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True)


@pytest.mark.parametrize("look", every(6, LOOKS))
def test_a_look_changes_the_picture_and_is_more_of_what_it_asks_for(
    photograph: Path, look: str
) -> None:
    folder = photograph.parent
    words = ("input=cup.png", "output=x.png", "dreamer.iterations=6", "dreamer.octaves=2")
    rendered(*words, f"look={look}", cwd=folder)
    report = yaml.safe_load((folder / "x.png.render/report.json").read_text())
    assert report["gain"] is None or report["gain"]["first"] > 1.2
    before, after = (cv2.imread(str(folder / name)) for name in ("cup.png", "x.png"))
    assert cv2.absdiff(before, after).mean() > 2


def test_there_is_a_picture_of_every_look_in_the_guide() -> None:
    guide = (CONF.parent / "docs/guides/looks-and-layers.md").read_text("utf-8")
    for look in set(LOOKS) - {"tour"}:
        assert f"(../media/look-{look}.webp) `look={look}`" in guide
        assert (CONF.parent / f"docs/media/look-{look}.webp").exists()


def test_blocks_stand_for_their_operations_where_none_holds_most_of_a_network() -> None:
    blocks = [f"blocks.{i}.{part}" for i in range(8) for part in ("conv", "norm", "relu")]
    assert outline(["stem.conv", "stem.norm", *blocks, "pool"]) == [
        "stem", *(f"blocks.{i}" for i in range(8)), "pool",
    ]  # fmt: skip


@pytest.mark.slow
def test_the_atlas_has_a_tile_for_each_block_and_for_each_channel(photograph: Path) -> None:
    quick = ("--tile", "144", "dreamer.iterations=1", "dreamer.octaves=1")
    assert script("atlas.py", "input=cup.png", *quick, cwd=photograph.parent).returncode == 0
    sheet = cv2.imread(str(photograph.parent / "atlas.png"))
    assert sheet is not None
    # the picture, the stem, 16 blocks and the head, 11 in a row, each with a line below
    assert sheet.shape == (2 * (96 + 22), 11 * 144, 3)
    words = ("input=cup.png", *quick, "--layer", "blocks.6", "--channels", "3")
    assert script("atlas.py", *words, "--output", "few.png", cwd=photograph.parent).returncode == 0
    assert cv2.imread(str(photograph.parent / "few.png")).shape == (96 + 22, 4 * 144, 3)


@pytest.mark.slow
def test_an_atlas_can_be_guided(photograph: Path) -> None:
    cv2.imwrite(str(photograph.parent / "coins.png"), skimage.data.coins())
    words = ("input=cup.png", "--tile", "96", "dreamer.iterations=2", "dreamer.octaves=1")
    ran = script("atlas.py", *words, "guide=coins.png", cwd=photograph.parent)
    assert ran.returncode == 0, ran.stderr
    # the picture, the stem and 11 blocks; deeper ones need a larger one, without a guide all fail
    sheet = cv2.imread(str(photograph.parent / "atlas.png"))
    assert sheet.shape == (64 + 22, 13 * 96, 3)
    assert cv2.absdiff(sheet[:64, :96], sheet[:64, 96 * 8 : 96 * 9]).mean() > 2


@pytest.mark.slow
def test_an_atlas_of_nothing_is_one_line(photograph: Path) -> None:
    for words, line in (
        (["input=no.png"], "No such file"),
        (["input=cup.png", "--layer", "blocks.66"], "similar names are"),
    ):
        ran = script("atlas.py", *words, cwd=photograph.parent)
        assert (ran.returncode, len(ran.stderr.splitlines())) == (2, 1), ran.stderr
        assert line in ran.stderr


@pytest.mark.slow
def test_layers_are_listed_with_what_they_see(tmp_path: Path) -> None:
    lines = script("layers.py", cwd=tmp_path).stdout.splitlines()
    table = {line.split()[0]: line.split()[1:] for line in lines}
    # a stem of 3 x 3 with stride 2; then 3 x 3 with a stride of 2: 3 + 2 * 2
    assert table["stem"][:3] == ["32", "2", "3"]
    assert table["blocks.0"][:3] == ["16", "2", "7"]
    assert table["blocks.9"][:3] == ["112", "16", "275"]
    assert table["blocks.15"][:3] == ["320", "32", "851"]
    assert table["logits"][:3] == ["1000", "-", "-"]
    costs = [float(row[3]) for name, row in table.items() if name != "layer"]
    assert costs == sorted(costs)
    # 0.407e9 multiplications of 224 x 224 pixels, each with an addition, three times
    assert float(table["logits"][3]) == pytest.approx(0.407 * 2 * 3 * 1e6 / 224**2, rel=0.1)
