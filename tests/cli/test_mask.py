"""Masks as the user lays them: over footage, stills and zooms, from files of every kind."""

from __future__ import annotations

import json
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pytest
from helpers.clips import FFV1, FITTING, video, write
from helpers.command_line import files, rendered, run
from helpers.sampling import every
from helpers.scenes import pan, texture

from pipeline.frame import Picture
from pipeline.source.fitting import Fit

HEIGHT, WIDTH, FRAMES = 64, 96, 7
HALF = WIDTH // 2
SQUARE = replace(FITTING, aspect=Fraction(1))
QUICK = ("dreamer.iterations=4", "dreamer.octaves=2")
LEFT = np.zeros((HEIGHT, WIDTH), np.uint8)
LEFT[:, :HALF] = 255
GREY = np.full((HEIGHT, WIDTH), 51, np.uint8)
"""A fifth."""


Pictures = npt.NDArray[np.uint8]
"""(frames, H, W, 3)."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a clip of a moving camera, a still, and a hard mask of the left half."""
    path = tmp_path_factory.mktemp("masks")
    write(path / "clip.mkv", pan(FRAMES, height=HEIGHT, width=WIDTH, velocity=(2, 1)), *FFV1)
    cv2.imwrite(str(path / "still.png"), texture(HEIGHT, WIDTH, 3))
    cv2.imwrite(str(path / "left.png"), LEFT)
    return path


@pytest.fixture(scope="module")
def source(folder: Path) -> Pictures:
    """The clip."""
    return filmed(folder)


@pytest.fixture(scope="module")
def whole(folder: Path) -> Pictures:
    """The clip dreamt without a mask."""
    return made(folder, "input=clip.mkv")


@pytest.fixture(scope="module")
def left(folder: Path) -> Pictures:
    """The clip dreamt in its left half."""
    return made(folder, "input=clip.mkv", "mask=left.png")


def made(folder: Path, *words: str, name: str = "out.mkv") -> Pictures:
    """The pictures of a lossless render with these words."""
    rendered(*QUICK, *words, f"output={name}", "overwrite=true", cwd=folder)
    if name.endswith(".png"):
        return cv2.imread(str(folder / name))[None]
    return np.array(list(video(folder / name).pictures()))


def filmed(folder: Path, **settings: Any) -> Pictures:
    return np.array(list(video(folder / "clip.mkv", **settings).pictures()))


def change(dreamt: Pictures, source: Pictures) -> npt.NDArray[np.int16]:
    return dreamt.astype(np.int16) - source


def test_outside_a_hard_mask_every_frame_is_the_source_bit_for_bit(
    source: Pictures, whole: Pictures, left: Pictures
) -> None:
    assert len(left) == FRAMES
    assert np.array_equal(left[:, :, HALF:], source[:, :, HALF:])
    # within, all that would have been dreamt without it, however long it was carried
    assert np.array_equal(left[:, :, :HALF], whole[:, :, :HALF])
    assert np.abs(change(whole, source)).mean(axis=(1, 2, 3)).min() > 2


@pytest.mark.slow
def test_inverted_the_other_half_is_dreamt(folder: Path, source: Pictures, whole: Pictures) -> None:
    inverted = made(folder, "input=clip.mkv", "mask=left.png", "mask_invert=true")
    assert np.array_equal(inverted[:, :, HALF:], whole[:, :, HALF:])
    assert np.array_equal(inverted[:, :, :HALF], source[:, :, :HALF])


@pytest.mark.slow
def test_grey_shows_its_share_of_the_dream_in_the_last_frame_as_in_the_first(
    folder: Path, source: Pictures, whole: Pictures
) -> None:
    cv2.imwrite(str(folder / "grey.png"), GREY)
    fifth = made(folder, "input=clip.mkv", "mask=grey.png")
    # rounded to 8 bits once without the mask and once with it
    assert np.abs(change(fifth, source) - 0.2 * change(whole, source)).max() <= 0.6 + 1e-3


@pytest.mark.slow
def test_a_feathered_edge_fades_and_stays_as_soft(
    folder: Path, source: Pictures, whole: Pictures
) -> None:
    soft = made(folder, "input=clip.mkv", "mask=left.png", "mask_feather=4")
    for index in (0, FRAMES - 1):
        parts = np.abs(change(soft, source)[index]).mean(axis=(0, 2))
        shares = parts / np.abs(change(whole, source)[index]).mean(axis=(0, 2))
        assert shares[HALF - 14] > 0.99  # three deviations are twelve pixels
        assert 0.3 < shares[HALF - 1 : HALF + 1].mean() < 0.7
        assert not parts[HALF + 13 :].any()


@pytest.mark.slow
def test_a_cut_out_with_alpha_and_one_of_zeros_and_ones_are_masks_too(folder: Path) -> None:
    expected = made(folder, "input=still.png", "mask=left.png", name="a.png")
    colours = np.full((HEIGHT, WIDTH, 3), 9, np.uint8)
    cv2.imwrite(str(folder / "cut.png"), np.dstack([colours, LEFT]))
    cv2.imwrite(str(folder / "ones.png"), LEFT // 255)
    for mask in ("cut.png", "ones.png"):
        found = made(folder, "input=still.png", f"mask={mask}", name="b.png")
        assert np.array_equal(found, expected)
    still = cv2.imread(str(folder / "still.png"))
    assert np.array_equal(expected[0][:, HALF:], still[:, HALF:])
    assert np.abs(change(expected[0], still)[:, :HALF]).mean() > 2


def bar(index: int) -> Picture:
    """White in an eighth of the width that moves on with each picture."""
    at, step = np.zeros((HEIGHT, WIDTH, 3), np.uint8), WIDTH // 8
    at[:, step * (index % 8) : step * (index % 8 + 1)] = 255
    return at


def seen(dreamt: Pictures, source: Pictures) -> list[int]:
    """In which eighth each frame was dreamt; fails if in several."""
    eighths = np.abs(change(dreamt, source)).reshape(len(source), HEIGHT, 8, -1).max(axis=(1, 3))
    assert np.all((eighths > 0).sum(axis=1) == 1), eighths
    return [int(eighth) for eighth in eighths.argmax(axis=1)]


@pytest.mark.slow
def test_a_mask_that_moves_keeps_step_and_start_is_applied_to_both(
    folder: Path, source: Pictures
) -> None:
    bars = [bar(index) for index in range(FRAMES)]
    write(folder / "mask.mkv", bars, *FFV1)
    (folder / "shots").mkdir()
    for index, picture in enumerate(bars):
        cv2.imwrite(str(folder / f"shots/{index:03d}.png"), picture)
    for mask in ("mask.mkv", "shots"):
        words = ("input=clip.mkv", f"mask={mask}")
        assert seen(made(folder, *words), source) == list(range(FRAMES))
        late = made(folder, *words, "start=0.12")
        assert seen(late, filmed(folder, start=0.12)) == [3, 4, 5, 6]


@pytest.mark.slow
def test_a_mask_of_another_rate_and_too_short_keeps_time_and_its_last_picture_stays(
    folder: Path, source: Pictures
) -> None:
    write(folder / "slow.mkv", [bar(index) for index in range(2)], *FFV1, rate="12.5")
    words = (*QUICK, "input=clip.mkv", "mask=slow.mkv", "output=stays.mkv")
    ran = rendered(*words, cwd=folder)
    dreamt = np.array(list(video(folder / "stays.mkv").pictures()))
    assert seen(dreamt, source) == [0, 1, 1, 1, 1, 1, 1]
    said = "mask: ends before the input; its last picture is repeated"
    assert ran.err.count(said) == 1
    assert said in (folder / "stays.mkv.render/render.log").read_text()


def test_a_revealed_dream_is_grown_at_once(folder: Path, source: Pictures, whole: Pictures) -> None:
    dark, light = np.zeros((HEIGHT, WIDTH, 3), np.uint8), np.full((HEIGHT, WIDTH, 3), 255, np.uint8)
    write(folder / "opens.mkv", [dark] * 5 + [light] * 2, *FFV1)
    revealed = made(folder, "input=clip.mkv", "mask=opens.mkv")
    assert np.array_equal(revealed[:5], source[:5])
    assert np.array_equal(revealed[5:], whole[5:])


@pytest.mark.slow
def test_a_mask_of_any_size_is_scaled_with_the_input(folder: Path) -> None:
    small = cv2.resize(LEFT, (WIDTH // 2, HEIGHT // 2), interpolation=cv2.INTER_NEAREST)
    cv2.imwrite(str(folder / "small.png"), small)
    large = cv2.resize(LEFT, (5 * WIDTH, 5 * HEIGHT), interpolation=cv2.INTER_NEAREST)
    cv2.imwrite(str(folder / "large.png"), large)
    squared = filmed(folder, width=64, height=64)  # squeezed, and the mask with it
    for mask in ("small.png", "large.png"):
        words = ("input=clip.mkv", "width=64", "height=64", f"mask={mask}")
        squeezed = made(folder, *words)
        assert np.array_equal(squeezed[:, :, 36:], squared[:, :, 36:])
        assert np.abs(change(squeezed, squared)[:, :, :28]).mean() > 2


@pytest.mark.slow
def test_a_mask_is_cropped_and_padded_with_the_input(folder: Path) -> None:
    places: dict[Fit, tuple[slice, slice]] = {
        "crop": (slice(0, 64), slice(16, 80)),
        "pad": (slice(16, 80), slice(0, 96)),
    }
    for fit, (rows, columns) in places.items():
        shown = filmed(folder, frames=2, fitting=replace(SQUARE, fit=fit))
        words = ("aspect=1:1", f"fit={fit}", "input=clip.mkv", "frames=2", "mask=left.png")
        dreamt = made(folder, *words)
        expected = np.zeros(shown.shape[1:3], bool)
        expected[rows] = (LEFT > 0)[:, columns]
        changed = (change(dreamt, shown) != 0).any(axis=(0, 3))
        assert not changed[~expected].any()
        assert changed[expected].mean() > 0.8


def test_a_mask_of_the_results_shape_fits_it(folder: Path) -> None:
    cv2.imwrite(str(folder / "square.png"), LEFT[:48, 24:72])
    shown = filmed(folder, frames=2, fitting=SQUARE)
    dreamt = made(folder, "aspect=1:1", "input=clip.mkv", "frames=2", "mask=square.png")
    changed = (change(dreamt, shown) != 0).any(axis=(0, 3))
    assert not changed[:, 36:].any()  # the mask is enlarged, so its edge is soft
    assert changed[:, :28].mean() > 0.8


@pytest.mark.slow
def test_in_a_zoom_the_dream_grows_only_within_the_mask(folder: Path) -> None:
    words = ("recipe=zoom", "input=still.png", "frames=5", "governor=none", "camera=still")
    dreamt, still = made(folder, *words, "mask=left.png"), cv2.imread(str(folder / "still.png"))
    changed = np.abs(change(dreamt[-1][..., ::-1], still))
    assert changed[:, : HALF - 8].mean() > 10 * changed[:, HALF + 8 :].mean()
    assert changed[:, : HALF - 8].mean() > 2


@pytest.mark.slow
def test_the_report_tells_the_gain_of_what_is_shown(folder: Path) -> None:
    def gain(*words: str) -> float:
        made(folder, "input=still.png", *words, name="gain.png")
        report = json.loads((folder / "gain.png.render/report.json").read_text())
        return float(report["gain"]["mean"])

    cv2.imwrite(str(folder / "black.png"), 0 * LEFT)
    assert gain("mask=black.png") == 1
    assert 1 < gain("mask=left.png") < gain()


@pytest.mark.parametrize(
    ("words", "line"),
    every(
        4,
        [
            (["mask=gone.png"], "mask: must be a readable file, got gone.png"),
            (["mask=empty.png"], "mask: must not be empty"),
            (["mask=text.png"], "mask: must be a picture"),
            (["mask=text.mp4"], "mask: must be a video"),
            (["mask=none"], "mask: must contain at least one picture"),
            (
                ["mask=tall.png"],
                "mask: must have the aspect ratio of the input's 96x64 pixels, got 64x96;",
            ),
            (["mask=left.png", "mask_invert=perhaps"], "mask_invert: must be true or false"),
            (
                ["mask=left.png", "mask_feather=-1"],
                "mask_feather: must be a number of pixels from 0",
            ),
            (["mask=left.png", "mask_feather=soft"], "mask_feather: must be a number"),
            (
                ["mask=left.png", "output=left.png", "overwrite=true"],
                "output: must not be the mask",
            ),
            (["masc=left.png"], "did you mean mask"),
        ],
    ),
)
def test_a_mask_that_cannot_be_laid_is_one_line(folder: Path, words: list[str], line: str) -> None:
    (folder / "none").mkdir(exist_ok=True)
    (folder / "empty.png").touch()
    for name in ("text.png", "text.mp4"):
        (folder / name).write_text("no picture")
    cv2.imwrite(str(folder / "tall.png"), LEFT.T)
    before = files(folder)
    assert line in run("input=still.png", *words, cwd=folder).line
    assert files(folder) == before
    assert np.array_equal(cv2.imread(str(folder / "left.png"), 0), LEFT)
