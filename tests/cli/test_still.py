"""recipe=still at the command line: what is kept of a picture, and a folder of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pytest
import tifffile
from helpers.clips import barcode
from helpers.command_line import files, rendered, run
from helpers.picture_files import exif, save
from helpers.sampling import every
from helpers.scenes import texture

Pixels = npt.NDArray[Any]
PASSED = ("recipe=still", "dreamer=none")


def noise(*shape: int, depth: int) -> Pixels:
    """Every value of that many bits may be in it."""
    return np.random.default_rng(1).integers(0, 2**depth, shape, dtype=f"u{depth // 8}")


def read(path: Path) -> Pixels:
    """The pixels as they stand in the file, BGR."""
    if path.suffix == ".tif":  # OpenCV would multiply colours with alpha
        pixels = tifffile.imread(path)
        return pixels if pixels.ndim == 2 else pixels[..., [2, 1, 0, 3][: pixels.shape[2]]]
    pixels = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    assert pixels is not None
    return pixels


@pytest.mark.parametrize("depth", every(2, [8, 16]))
@pytest.mark.parametrize(("given", "made"), [("a.png", "x.png"), ("a.tiff", "x.tif")])
def test_every_value_of_either_depth_passes_at_an_odd_size(
    tmp_path: Path, given: str, made: str, depth: int
) -> None:
    pixels = noise(47, 61, 3, depth=depth)
    cv2.imwrite(str(tmp_path / given), pixels)
    rendered(*PASSED, f"input={given}", f"output={made}", cwd=tmp_path)
    found = read(tmp_path / made)
    assert found.dtype == pixels.dtype
    assert np.array_equal(found, pixels)


def test_grey_of_16_bits_becomes_rgb_of_16_bits(tmp_path: Path) -> None:
    grey = noise(40, 40, depth=16)
    cv2.imwrite(str(tmp_path / "a.png"), grey)
    rendered(*PASSED, "input=a.png", cwd=tmp_path)
    assert np.array_equal(read(tmp_path / "a.dream.png"), np.dstack([grey] * 3))


@pytest.mark.parametrize(
    ("given", "depth", "made"),
    every(
        5,
        [
            ("a.png", 8, "x.png"),
            ("a.png", 8, "x.tif"),
            ("a.tif", 16, "x.png"),
            ("a.png", 16, "x.tif"),
            ("a.png", 8, "x.webp"),
        ],
    ),
)
def test_the_alpha_of_a_dream_is_that_of_the_picture(
    tmp_path: Path, given: str, depth: int, made: str
) -> None:
    pixels = np.dstack([texture(56, 64, seed=3).astype(f"u{depth // 8}"),
                        noise(56, 64, depth=depth)])  # fmt: skip
    pixels[:9, :9, 3] = 0
    cv2.imwrite(str(tmp_path / given), pixels)
    little = ("dreamer.iterations=2", "dreamer.octaves=1")
    rendered("recipe=still", *little, f"input={given}", f"output={made}", cwd=tmp_path)
    found, alpha = read(tmp_path / made), pixels[..., 3]
    assert np.array_equal(found[..., 3], alpha)
    changed = (found[..., :3] != pixels[..., :3]).any(axis=2)
    assert changed[alpha > 0].mean() > 0.9
    if made != "x.webp":  # which does not hold every bit
        assert not changed[alpha == 0].any()


@pytest.mark.slow
@pytest.mark.parametrize(("wall", "value"), [("black", 0), ("white", 255)])
def test_alpha_is_composited_when_asked(tmp_path: Path, wall: str, value: int) -> None:
    pixels = np.full((32, 32, 4), 100, np.uint8)
    pixels[:16, :, 3], pixels[16:, :, 3] = 0, 51  # a fifth
    cv2.imwrite(str(tmp_path / "a.png"), pixels)
    rendered(*PASSED, "input=a.png", f"source.alpha={wall}", "output=x.png", cwd=tmp_path)
    found = read(tmp_path / "x.png")
    assert found.shape == (32, 32, 3)
    assert np.unique(found[:16]).tolist() == [value]
    assert np.unique(found[16:]).tolist() == [round(0.2 * 100 + 0.8 * value)]


@pytest.mark.parametrize("made", every(3, ["x.jpg", "x.mp4", "x.mkv"]))
def test_what_has_no_room_for_it_loses_depth_and_alpha(tmp_path: Path, made: str) -> None:
    pixels = np.full((32, 48, 4), 40000, np.uint16)
    pixels[:, :24, 3] = 0
    cv2.imwrite(str(tmp_path / "a.png"), pixels)
    rendered(*PASSED, "input=a.png", f"output={made}", cwd=tmp_path)
    found, picture = cv2.VideoCapture(str(tmp_path / made)).read()
    assert found
    # the lossy ones are off by a little, most of all at the edge
    assert picture[:, :20].max() <= 4
    assert np.abs(picture[:, 28:].astype(int) - round(40000 / 257 * 40000 / 65535)).max() <= 4


@pytest.mark.parametrize(
    ("suffix", "orientation"), every(3, [(".jpg", 6), (".png", 3), (".webp", 6)])
)
def test_a_still_stands_upright(tmp_path: Path, orientation: int, suffix: str) -> None:
    picture = np.zeros((32, 64, 3), np.uint8)
    picture[:8, :8] = 255  # the corner where row and column begin
    save(tmp_path / f"a{suffix}", picture, exif(orientation))
    rendered(*PASSED, f"input=a{suffix}", cwd=tmp_path)
    found = read(tmp_path / "a.dream.png")
    corner = {3: (slice(-6, None), slice(-6, None)), 6: (slice(6), slice(-6, None))}[orientation]
    assert found.shape == {3: (32, 64, 3), 6: (64, 32, 3)}[orientation]
    assert found[corner].min() > 240
    assert found.mean() < 20
    again = cv2.imread(str(tmp_path / "a.dream.png"), cv2.IMREAD_COLOR)
    assert np.array_equal(again, found)  # and it is not turned once more


def test_width_scales_colours_and_alpha_alike(tmp_path: Path) -> None:
    pixels = np.zeros((60, 90, 4), np.uint8)
    pixels[:, :30] = 255
    cv2.imwrite(str(tmp_path / "a.png"), pixels)
    rendered(*PASSED, "input=a.png", "width=45", cwd=tmp_path)
    found = read(tmp_path / "a.dream.png")
    assert found.shape == (30, 45, 4)
    assert found[:, :14, 3].min() == 255
    assert found[:, 16:, 3].max() == 0
    # nothing of the black beneath what is not seen has come into what is
    assert found[found[..., 3] > 0][:, :3].min() == 255


def test_one_still_tells_what_it_cost_as_a_video_does(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "a.png"), texture(48, 64, seed=0).astype(np.uint16) * 257)
    asked = ("recipe=still", "input=a.png", "dreamer.iterations=4", "dreamer.octaves=1")
    # parts that a recipe leaves out may be asked for all the same
    ran = rendered(*asked, "cuts=adaptive", "flow=dis", cwd=tmp_path)
    assert ran.out.startswith("a.dream.png: 1 frame in ")
    report = json.loads((tmp_path / "a.dream.png.render" / "report.json").read_text())
    assert (report["frames"], report["width"], report["height"]) == (1, 64, 48)
    assert report["gain"]["mean"] > 1.1


@pytest.fixture
def album(tmp_path: Path) -> Path:
    """A folder with a folder of pictures of every kind, photos."""
    photos = tmp_path / "photos"
    photos.mkdir()
    cv2.imwrite(str(photos / "a.png"), noise(33, 41, 3, depth=8))
    plain = [cv2.IMWRITE_TIFF_COMPRESSION, cv2.IMWRITE_TIFF_COMPRESSION_NONE]
    cv2.imwrite(str(photos / "a.tif"), noise(40, 24, 3, depth=16), plain)
    cv2.imwrite(str(photos / "B.png"), noise(20, 64, 4, depth=8))
    cv2.imwrite(str(photos / "b.bmp"), noise(20, 20, depth=8))
    cv2.imwrite(str(photos / "c.webp"), barcode(3))
    (photos / "0.png").write_text("no picture")
    (photos / "cut.png").write_bytes((photos / "a.png").read_bytes()[:900])
    (photos / "notes.txt").write_text("no picture by name")
    return tmp_path


def test_every_picture_of_a_folder_is_rendered_on_its_own(album: Path) -> None:
    ran = rendered(*PASSED, "input=photos/", "output=dreamt/", cwd=album)
    assert ran.out.startswith("dreamt: 5 pictures in ")
    assert ran.out.endswith("; 2 skipped\n")
    assert "photos/0.png" in ran.err
    assert "photos/cut.png" in ran.err
    assert files(album / "dreamt") == {
        "a.png.png", "a.tif.png", "B.png.png", "b.bmp.png", "c.png"
    }  # fmt: skip
    assert files(album / "dreamt.render") == {"recipe.yaml", "render.log", "report.json"}
    for name in ("a.png", "a.tif", "B.png"):
        found, given = read(album / "dreamt" / f"{name}.png"), read(album / "photos" / name)
        assert found.dtype == given.dtype
        assert np.array_equal(found, given)

    report = json.loads((album / "dreamt.render" / "report.json").read_text())
    assert set(report["left_out"]) == {"0.png", "cut.png"}
    assert report["pictures"]["a.tif"]["output"] == "a.tif.png"
    assert report["pictures"]["a.tif"]["width"] == 24
    log = (album / "dreamt.render" / "render.log").read_text()
    assert "photos/cut.png" in log


@pytest.mark.slow
def test_in_a_folder_a_dream_is_what_it_is_alone(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    for seed in range(2):
        cv2.imwrite(str(tmp_path / "photos" / f"{seed}.png"), texture(49 + 9 * seed, 64, seed))
    little = ("recipe=still", "dreamer.iterations=2", "dreamer.octaves=1")
    rendered(*little, "input=photos", cwd=tmp_path)
    assert files(tmp_path / "photos-dream") == {"0.png", "1.png"}
    rendered(*little, "input=photos/1.png", cwd=tmp_path)
    alone, among = read(tmp_path / "1.dream.png"), read(tmp_path / "photos-dream" / "1.png")
    assert np.array_equal(alone, among)
    assert not np.array_equal(among, texture(58, 64, 1))


@pytest.mark.slow
def test_pictures_that_are_there_are_replaced_when_asked_and_others_stay(album: Path) -> None:
    (album / "dreamt").mkdir()
    (album / "dreamt" / "mine.png").write_text("mine")
    asked = (*PASSED, "input=photos/%d.png", "output=dreamt")
    save(album / "photos" / "1.png", barcode(1))
    (album / "photos" / "0.png").unlink()
    rendered(*asked, cwd=album)
    assert files(album / "dreamt") == {"mine.png", "1.png"}
    before = files(album)
    line = run(*asked, cwd=album).line
    assert line.startswith("output: must not contain 1.png yet, got dreamt/1.png; ")
    rendered(*asked, "overwrite=true", cwd=album)
    assert files(album) == before


@pytest.mark.slow
@pytest.mark.parametrize("asked", ["frames=2", "frames=1"])
def test_frames_is_the_most_pictures(album: Path, asked: str) -> None:
    (album / "photos" / "0.png").unlink()
    rendered(*PASSED, "input=photos", asked, cwd=album)
    assert len(files(album / "photos-dream")) == int(asked[-1])


def test_a_folder_without_the_recipe_is_a_sequence(album: Path) -> None:
    (album / "photos" / "0.png").unlink()
    rendered("input=photos", "dreamer=none", "flow=none", "output=x.mkv", cwd=album)
    assert (album / "x.mkv").is_file()


@pytest.mark.parametrize(
    ("asked", "line"),
    every(
        5,
        [
            ("source.alpha=grey", "source.alpha: must be 'keep', 'black' or 'white', got 'grey'"),
            ("start=1", "start: must be null for stills, which have no time"),
            ("end=2", "end: must be null for stills"),
            ("output=x.png", "output: must be a folder"),
            ("output=photos", "output: must not be the input, got photos; "),
            (
                "input=photos/a.png output=x.mp4",
                "output: must have even sides in a .mp4 file, got 41x33",
            ),
            ("output=gone/dreamt", "output: its folder must exist"),
            ("output=taken", "output: must be a folder, got the file taken"),
            ("loop=true", "loop: must have at least twice as many frames"),
            (
                "width=8 input=photos/a.png output=x.png",
                "width, height: must give sides of at least 16",
            ),
            ("width=true", "width: must be a whole number, got True"),
            ("frames=0", "frames: must be at least 1, got 0"),
            ("objective.layers=[blocks.99]", "objective.layers: "),
            ("input=empty", "input: must contain at least one picture"),
            ("input=bad", "input: must be a picture that can be read"),
            ("input=gone.png", "input: must be a readable file, got gone.png"),
            ("input=photos/a.png output=taken.png", "output: must not exist yet, got taken.png"),
            ("input=null", "input: must be set"),
        ],
    ),
)
def test_what_is_wrong_is_one_line_and_leaves_nothing(album: Path, asked: str, line: str) -> None:
    (album / "empty").mkdir()
    (album / "bad").mkdir()
    (album / "bad" / "a.png").write_text("no picture")
    for taken in ("taken", "taken.png"):
        (album / taken).write_text("mine")
    before = files(album)
    settings = {"input": "photos", "output": "dreamt"}
    settings |= dict(word.split("=", 1) for word in asked.split())
    ran = run("recipe=still", *(f"{key}={value}" for key, value in settings.items()), cwd=album)
    assert ran.line.startswith(line)
    assert files(album) == before
