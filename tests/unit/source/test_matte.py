"""pipeline.source.matte: what a mask file means, whichever tool wrote it."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pytest
from helpers.clips import LIMITS, WHOLE, X264, write
from helpers.clips import run as ffmpeg

from pipeline.source.matte import PictureMattes, VideoMattes

HEIGHT, WIDTH = 48, 64
DISC = cv2.circle(np.zeros((HEIGHT, WIDTH), np.uint8), (24, 24), 14, 255, -1)
"""White on black."""
RAMP = np.tile(np.arange(WIDTH, dtype=np.uint8) * 4, (HEIGHT, 1))


def mattes(path: Path, **settings: Any) -> list[npt.NDArray[np.uint8]]:
    """What the file says of each pixel, (H, W)."""
    if path.suffix in (".png", ".jpg", ".tif") or path.is_dir():
        source: Any = PictureMattes(
            **{"path": path, "rate": 25, **WHOLE, "limits": LIMITS, **settings}
        )
    else:
        source = VideoMattes(
            **{"path": path, **WHOLE, "deinterlace": "auto", "limits": LIMITS, **settings}
        )
    pictures = list(source.pictures())
    assert all(picture.shape[2] == 3 for picture in pictures)
    return [picture[..., 0] for picture in pictures]


def saved(path: Path, pixels: npt.NDArray[Any]) -> Path:
    assert cv2.imwrite(str(path), pixels)
    return path


def cut_out(alpha: npt.NDArray[Any], grey: int = 30) -> npt.NDArray[Any]:
    """Dark pixels with this alpha channel, BGRA."""
    return np.dstack([np.full((*alpha.shape, 3), grey, alpha.dtype), alpha])


@pytest.mark.parametrize(
    ("name", "pixels"),
    [
        ("grey.png", DISC),
        ("colour.png", cv2.cvtColor(DISC, cv2.COLOR_GRAY2BGR)),
        ("deep.png", DISC.astype(np.uint16) * 257),
        ("deep.tif", DISC.astype(np.uint16) * 257),
        ("eight_in_sixteen.png", DISC.astype(np.uint16)),
        ("binary.png", DISC // 255),
        ("deep_binary.png", (DISC // 255).astype(np.uint16)),
        ("labels.png", np.dstack([0 * DISC, DISC // 2, DISC // 255])),
        ("deep_labels.png", np.dstack([0 * DISC, 0 * DISC, DISC // 2]).astype(np.uint16)),
        ("cut_out.png", cut_out(DISC)),
        ("deep_cut_out.png", cut_out(DISC.astype(np.uint16) * 257)),
        ("opaque.png", np.dstack([DISC, DISC, DISC, np.full_like(DISC, 255)])),
    ],
)
def test_black_white_and_what_stands_for_them(
    tmp_path: Path, name: str, pixels: npt.NDArray[Any]
) -> None:
    (matte,) = mattes(saved(tmp_path / name, pixels))
    assert np.array_equal(matte, DISC)


def test_what_is_between_keeps_its_share(tmp_path: Path) -> None:
    for name, pixels in {
        "a.png": RAMP,
        "b.png": cut_out(RAMP),
        "c.png": RAMP.astype(np.uint16) * 257 + 100,  # less than half of a level of 8 bits
    }.items():
        (matte,) = mattes(saved(tmp_path / name, pixels))
        assert np.array_equal(matte, RAMP), name


def test_colours_count_by_their_luminance(tmp_path: Path) -> None:
    colours = np.full((HEIGHT, WIDTH, 3), 128, np.uint8)  # no black, so no labels
    colours[:, 20:40], colours[:, 40:] = (0, 0, 255), (0, 255, 0)
    (matte,) = mattes(saved(tmp_path / "a.png", colours))
    red, green = int(matte[0, 30]), int(matte[0, 50])
    assert 50 < red < 90 < 140 < green < 190  # 30 % and 59 % by BT.601, 21 % and 72 % by BT.709


def test_a_jpeg_is_a_mask_too(tmp_path: Path) -> None:
    (matte,) = mattes(saved(tmp_path / "a.jpg", DISC))
    assert np.abs(matte.astype(int) - DISC)[cv2.erode(DISC, np.ones((9, 9))) == DISC].mean() < 3


def test_one_dark_picture_of_a_fading_mask_is_not_taken_for_zeros_and_ones(tmp_path: Path) -> None:
    for index, peak in enumerate((255, 120, 1)):
        saved(tmp_path / f"{index}.png", DISC // 255 * peak)
    assert [int(matte.max()) for matte in mattes(tmp_path)] == [255, 120, 1]
    for index in range(3):
        saved(tmp_path / f"{index}.png", DISC // 255 * (index != 1))
    assert [int(matte.max()) for matte in mattes(tmp_path)] == [255, 0, 255]


def test_a_label_map_with_a_picture_that_holds_none_is_one_all_through(tmp_path: Path) -> None:
    """As video segmentation writes them: a palette, and nothing in some of the frames."""
    palette = np.dstack([0 * DISC, DISC // 2, DISC // 2])
    for index, there in enumerate((0, 1, 0, 1)):
        saved(tmp_path / f"{index}.png", palette * there)
    assert [int(matte.max()) for matte in mattes(tmp_path)] == [0, 255, 0, 255]


def test_what_a_mask_is_taken_for_is_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    mattes(saved(tmp_path / "good.png", DISC))
    assert caplog.messages == []
    mattes(saved(tmp_path / "binary.png", DISC // 255))
    mattes(saved(tmp_path / "faint.png", DISC // 255 * 5))
    binary, faint = caplog.messages
    assert "binary.png contains labels: everything except black is treated as white" in binary
    assert "faint.png: no pixel is brighter than 2.0 % of white" in faint


def test_a_broken_picture_among_them_is_bridged(tmp_path: Path) -> None:
    for index in range(3):
        saved(tmp_path / f"{index}.png", np.roll(DISC, index, axis=1))
    (tmp_path / "1.png").write_bytes(b"no picture")
    first, second, third = mattes(tmp_path)
    assert np.array_equal(first, second)
    assert not np.array_equal(second, third)


@pytest.mark.parametrize(
    "options",
    [
        ("-c:v", "libx264", "-crf", "28", "-pix_fmt", "yuv420p"),
        ("-c:v", "libx264", "-pix_fmt", "gray"),
        ("-c:v", "libx264", "-pix_fmt", "yuvj420p"),
        ("-c:v", "mpeg4", "-q:v", "5"),
        ("-c:v", "ffv1", "-pix_fmt", "gray"),
        ("-c:v", "ffv1", "-pix_fmt", "gray16le"),
    ],
    ids=" ".join,
)
def test_a_coded_video_has_full_black_and_white_again(
    tmp_path: Path, options: tuple[str, ...]
) -> None:
    large = cv2.resize(DISC, None, fx=4, fy=4, interpolation=cv2.INTER_NEAREST)
    discs = [np.roll(large, 6 * t, axis=1) for t in range(6)]
    path = write(tmp_path / "a.mkv", discs, *options, pixels="gray")
    for matte, disc in zip(mattes(path), discs, strict=True):
        far = np.ones((17, 17))  # edges ring in the blocks that they cross
        assert matte[cv2.dilate(disc, far) == 0].max() == 0
        assert matte[cv2.erode(disc, far) == 255].min() == 255


def test_a_video_keeps_what_is_between(tmp_path: Path) -> None:
    path = write(tmp_path / "a.mp4", [RAMP] * 2, *X264, pixels="gray")
    for matte in mattes(path):
        # 3 levels are cut off at either end; those between move by no more, and a coder adds 2
        assert np.abs(matte.astype(int) - RAMP).max() <= 5


@pytest.mark.parametrize("codec", ["qtrle", "png", "prores_ks"])
def test_a_cut_out_video_is_read_by_its_alpha(tmp_path: Path, codec: str) -> None:
    shapes = [np.roll(DISC, 5 * t, axis=1) for t in range(3)]
    pixels = {"prores_ks": "yuva444p10le", "qtrle": "argb", "png": "rgba"}[codec]
    path = write(tmp_path / "a.mov", [cut_out(shape) for shape in shapes], "-c:v", codec,
                 "-pix_fmt", pixels, pixels="bgra")  # fmt: skip
    assert [np.array_equal(*pair) for pair in zip(mattes(path), shapes, strict=True)] == [True] * 3


def test_an_opaque_video_is_read_by_its_brightness_whatever_its_format(tmp_path: Path) -> None:
    path = write(tmp_path / "a.mov", [DISC] * 2, "-c:v", "qtrle", "-pix_fmt", "argb", pixels="gray")
    assert np.array_equal(mattes(path)[1], DISC)
    colours = "split[a][b];[a]palettegen[p];[b][p]paletteuse"  # a GIF has alpha in any case
    ffmpeg("-i", str(path), "-vf", colours, str(tmp_path / "a.gif"))
    assert np.array_equal(mattes(tmp_path / "a.gif")[1], DISC)


def test_a_part_of_a_video_is_cut_as_from_any_video(tmp_path: Path) -> None:
    shapes = [np.roll(DISC, 5 * t, axis=1) for t in range(5)]
    path = write(tmp_path / "a.mov", [cut_out(shape) for shape in shapes], "-c:v", "png",
                 "-pix_fmt", "rgba", pixels="bgra")  # fmt: skip
    found = mattes(path, start=0.08, frames=2, width=WIDTH // 2)
    assert [matte.shape for matte in found] == [(HEIGHT // 2, WIDTH // 2)] * 2
    centres = [np.average(np.arange(WIDTH // 2), weights=matte.sum(axis=0)) for matte in found]
    assert centres[1] - centres[0] == pytest.approx(2.5, abs=0.1)
