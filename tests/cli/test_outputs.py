"""What a render leaves: the file that its suffix asks for, and what is written beside it."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
import yaml
from helpers.clips import FFV1, barcode, counted, video_comment, write
from helpers.clips import run as ffmpeg
from helpers.command_line import TOY, files, rendered
from helpers.picture_files import save
from helpers.sampling import every

QUICK = ("dreamer=none", "flow=none", "cuts=none", *TOY)
BESIDE = {"recipe.yaml", "render.log", "report.json"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a clip of three frames."""
    counted(tmp_path / "clip.mp4", frames=3)
    return tmp_path


def codec(path: Path) -> str:
    """The codec of the file's pictures, by ffmpeg's name."""
    said = ffmpeg("-i", str(path), "-map", "0:v", "-c", "copy", "-f", "framecrc", "-").decode()
    found = re.search(r"#codec_id 0: (\w+)", said)
    assert found
    return found[1]


@pytest.mark.parametrize(
    ("name", "expected"),
    every(
        3,
        [
            ("x.mp4", "h264"),
            ("x.MP4", "h264"),
            ("x.mov", "prores"),
            ("x.mkv", "ffv1"),
            ("x.webm", "vp9"),
            ("x.gif", "gif"),
        ],
    ),
)
def test_the_suffix_of_the_output_chooses_the_encoder(
    folder: Path, name: str, expected: str
) -> None:
    rendered("input=clip.mp4", f"output={name}", *QUICK, cwd=folder)
    assert codec(folder / name) == expected
    assert files(folder / f"{name}.render") == BESIDE
    assert files(folder) >= {"clip.mp4", name, f"{name}.render"}


def test_an_output_without_a_suffix_is_a_folder_of_pictures(folder: Path) -> None:
    rendered("input=clip.mp4", "output=shots", *QUICK, cwd=folder)
    assert files(folder / "shots") == {"000000.png", "000001.png", "000002.png"}
    assert files(folder / "shots.render") == BESIDE


def test_pictures_of_an_earlier_render_are_replaced_when_asked(folder: Path) -> None:
    rendered("input=clip.mp4", "output=shots", *QUICK, cwd=folder)
    again = ("input=clip.mp4", "output=shots", "overwrite=true", "frames=1", *QUICK)
    rendered(*again, cwd=folder)
    assert files(folder / "shots") == {"000000.png"}


@pytest.mark.slow
@pytest.mark.parametrize("name", ["x.png", "x.jpg"])
def test_one_frame_of_a_picture_becomes_a_picture(folder: Path, name: str) -> None:
    # with all that is on by default, cuts and flow included: a single frame is an odd clip
    ffmpeg("-i", str(folder / "clip.mp4"), "-frames:v", "1", str(folder / "in.png"))
    rendered("input=in.png", f"output={name}", "frames=1", "dreamer=none", cwd=folder)
    assert codec(folder / name) == {"x.png": "png", "x.jpg": "mjpeg"}[name]


def test_without_a_dreamer_a_lossless_clip_passes_bit_for_bit(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (4, 48, 64, 3), np.uint8)
    write(tmp_path / "noise.mkv", list(noise), *FFV1, rate="30000/1001")
    rendered("input=noise.mkv", "output=x.mkv", "dreamer=none", cwd=tmp_path)
    raw = ("-f", "rawvideo", "-pix_fmt", "rgb24", "-")
    assert ffmpeg("-i", str(tmp_path / "x.mkv"), *raw) == noise.tobytes()


def test_a_dream_tells_what_it_cost_and_what_it_was_made_with(folder: Path) -> None:
    write(folder / "clip.mp4", [barcode(number) for number in (1, 2, 3)])  # 0 is black: no dream
    asked = ("seed=7", "dreamer.iterations=8", "dreamer.octaves=1")
    ran = rendered("input=clip.mp4", "output=x.mp4", *asked, cwd=folder)
    assert ran.out.startswith("x.mp4: 3 frames in ")
    assert ran.out.count("\n") == 1

    report = json.loads((folder / "x.mp4.render" / "report.json").read_text())
    assert (report["frames"], report["width"], report["height"]) == (3, 128, 48)
    assert report["seed"] == 7
    assert report["gain"]["mean"] > 1
    assert set(report["seconds_per_frame"]) == {
        "total", "decode", "flow", "warp", "dream", "encode"
    }  # fmt: skip
    assert re.fullmatch("[0-9a-f]{64}", report["weights_sha256"])

    recipe = yaml.safe_load((folder / "x.mp4.render" / "recipe.yaml").read_text())
    assert recipe["dreamer"]["iterations"] == 8
    assert recipe["source"]["path"] == "clip.mp4"
    assert "hydra" not in recipe


def test_a_video_does_not_tell_in_which_folders_it_was_made(folder: Path) -> None:
    save(folder / "mask ${x}.png", np.full((48, 128, 3), 255, np.uint8))
    words = (f"input={folder}/clip.mp4", f"mask={folder}/mask ${{x}}.png")
    rendered(*words, f"output={folder}/told.mp4", "frames=1", *QUICK, cwd=folder)
    comment = video_comment(folder / "told.mp4")
    assert str(folder) not in comment
    told = yaml.safe_load(comment.partition("\n")[2])
    assert (told["input"], told["mask"]) == ("clip.mp4", "mask ${x}.png")
    assert told["source"]["path"] == "clip.mp4"


@pytest.mark.parametrize("name", every(3, ["x.mp4", "x.mov", "x.mkv", "x.webm", "x.png"]))
def test_the_settings_can_be_read_back_from_the_file(folder: Path, name: str) -> None:
    rendered("input=clip.mp4", f"output={name}", "frames=1", *QUICK, cwd=folder)
    comment = (
        png_comment(folder / name) if name == "x.png" else video_comment(folder / name)
    ).partition("\n")
    recipe = (folder / f"{name}.render" / "recipe.yaml").read_text()
    assert re.fullmatch(r"dreamreel \d+\.\d+\.\d+", comment[0])
    told = yaml.safe_load(recipe)
    elsewhere = ("output", "overwrite", "device", "save_seconds", "limits")
    asked = ("from", "from_parseq", "part", "shots", "snapshots", "plan", "profile", "compile")
    for key in (*elsewhere, *asked, "sweep", "explain"):
        told.pop(key)
    told["source"].pop("limits")
    assert yaml.safe_load(comment[2]) == told


def png_comment(path: Path) -> str:
    """The text chunk of a .png that is called Comment."""
    data = path.read_bytes()
    at = data.lower().index(b"comment\0")
    length = int.from_bytes(data[at - 8 : at - 4])
    _, _, text = data[at : at + length].rpartition(b"\0")
    return text.decode()
