"""Stills as a source: what a file holds, whole, and pictures made whole where they are not."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pytest
import tifffile
from helpers.clips import FITTING, LIMITS, barcode, number
from helpers.picture_files import exif, save
from helpers.scenes import texture
from PIL import Image, ImageCms

from pipeline.errors import UserError
from pipeline.frame import Picture, composite_over_grey
from pipeline.image_io.alpha import fill_transparent
from pipeline.image_io.reader import load
from pipeline.limits import Limits
from pipeline.source import Source, StillCollection, still


def stills(path: Path, **changes: Any) -> Any:
    """The source with the settings of conf/source/still.yaml but these."""
    plain = dict.fromkeys(("frames", "start", "end", "height", "width"))
    return still.stills(
        **{"path": path, "alpha": "keep", "fitting": FITTING, **plain, "limits": LIMITS, **changes}
    )


@cache
def profile() -> bytes:
    """An ICC profile, which holds the time it was made at."""
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def rgba(depth: int = 8) -> npt.NDArray[Any]:
    """48x40 with every kind of alpha, (48, 40, 4)."""
    shape = (48, 40, 4)
    return np.random.default_rng(0).integers(0, 2**depth, shape, dtype=f"u{depth // 8}")


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp", ".tif"])
def test_what_the_colours_mean_is_read_too(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a{suffix}"
    Image.fromarray(barcode(1)).save(path, icc_profile=profile())
    assert load(path, LIMITS).profile == profile()
    assert stills(path).clip.profile == profile()


def test_the_profile_of_other_colours_than_rgb_is_left_out(tmp_path: Path) -> None:
    grey = bytearray(profile())
    grey[16:20] = b"GRAY"
    Image.fromarray(barcode(1)).save(tmp_path / "a.jpg", icc_profile=bytes(grey))
    assert load(tmp_path / "a.jpg", LIMITS).profile == b""
    Image.fromarray(barcode(1)).save(tmp_path / "b.jpg", icc_profile=profile()[:-1])
    assert load(tmp_path / "b.jpg", LIMITS).profile == b""


def test_the_straight_alpha_of_a_tiff_leaves_its_colours_as_they_stand(tmp_path: Path) -> None:
    pixels = rgba()
    Image.fromarray(pixels).save(tmp_path / "a.tif", compression="tiff_lzw")
    contents = load(tmp_path / "a.tif", LIMITS)
    assert contents.alpha is not None
    assert np.array_equal(np.dstack([contents.colours, contents.alpha]), pixels)


def test_colours_that_were_multiplied_with_alpha_are_divided_by_it(tmp_path: Path) -> None:
    pixels = rgba()
    pixels[..., 3] |= 128  # what is nearly transparent has lost its colours for good
    multiplied = np.dstack(
        [composite_over_grey(pixels[..., :3], pixels[..., 3], 0), pixels[..., 3]]
    )
    tifffile.imwrite(tmp_path / "a.tif", multiplied, photometric="rgb", extrasamples=["assocalpha"])
    contents = load(tmp_path / "a.tif", LIMITS)
    off = contents.colours.astype(int) - pixels[..., :3]
    assert np.abs(off).max() <= 1  # half a step, doubled
    assert np.array_equal(contents.alpha, pixels[..., 3])


@pytest.mark.parametrize("orientation", [2, 6, 8])
def test_a_tiff_stands_upright(
    tmp_path: Path,
    corners: Picture,
    orientation: int,
) -> None:
    tags = Image.Exif()
    tags[0x0112] = orientation
    Image.fromarray(corners).save(tmp_path / "a.tif", exif=tags)
    save(tmp_path / "a.png", corners, exif(orientation))
    tiff, png = (load(tmp_path / f"a.{kind}", LIMITS).colours for kind in ("tif", "png"))
    assert np.array_equal(tiff, png)


@pytest.mark.parametrize("depth", [8, 16])
def test_alpha_turns_with_the_colours(tmp_path: Path, depth: int) -> None:
    pixels = rgba(depth)
    save(tmp_path / "a.png", pixels, exif(6))
    clip = stills(tmp_path / "a.png").clip
    assert (clip.height, clip.width, clip.depth) == (40, 48, depth)
    assert np.array_equal(clip.cutout, np.rot90(pixels, -1))


def test_what_was_seen_stays_and_goes_on_smoothly_where_nothing_is() -> None:
    picture = cv2.GaussianBlur(texture(96, 96, seed=1), (0, 0), 5).astype(np.uint8)
    y, x = np.mgrid[:96, :96]
    alpha = np.clip(255 * (30 - np.hypot(x - 48, y - 48)) / 8, 0, 255).astype(np.uint8)
    garbage = picture.copy()
    garbage[alpha == 0] = 0, 255, 0
    whole = fill_transparent(garbage, alpha).astype(int)
    assert np.array_equal(whole[alpha > 0], picture[alpha > 0])

    def step(pixels: npt.NDArray[Any]) -> float:
        """The mean step from what is seen to what is not beside it."""
        edge = (alpha[:, 1:] == 0) != (alpha[:, :-1] == 0)
        return float(np.abs(np.diff(pixels.astype(int), axis=1))[edge].mean())

    flat = np.where(alpha[..., None] == 0, picture[alpha > 0].mean(axis=0), picture)
    assert step(whole) < 0.35 * step(flat)
    # far from anything seen it is what all of it is together
    far = np.abs(whole[0, 0] - picture[alpha > 0].mean(axis=0))
    assert far.max() < 3 * picture[alpha > 0].std()


def test_a_picture_of_which_nothing_is_seen_is_dreamt_on_as_it_is() -> None:
    picture = texture(32, 32, seed=1)
    assert np.array_equal(fill_transparent(picture, np.zeros((32, 32), np.uint8)), picture)
    assert np.array_equal(fill_transparent(picture, np.full((32, 32), 255, np.uint8)), picture)


@pytest.mark.parametrize(
    ("asked", "size"),
    [({}, (33, 47)), ({"width": 94}, (66, 94)), ({"height": 17}, (17, 24)),
     ({"height": 21, "width": 31}, (21, 31))],
)  # fmt: skip
def test_a_still_has_exactly_its_size_or_the_one_asked_for(
    tmp_path: Path, asked: dict[str, int], size: tuple[int, int]
) -> None:
    save(tmp_path / "a.png", texture(33, 47, seed=0))
    source = stills(tmp_path / "a.png", **asked)
    (picture,) = source.pictures()
    assert (source.clip.height, source.clip.width) == picture.shape[:2] == size


def test_a_picture_is_decoded_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[Path] = []

    def counted(path: Path, limits: Limits) -> Any:
        read.append(path)
        return load(path, limits)

    monkeypatch.setattr(still, "load", counted)
    for index in range(3):
        save(tmp_path / f"{index}.png", barcode(index))
    one = stills(tmp_path / "0.png")
    _ = one.clip, list(one.pictures()), one.clip
    assert read == [tmp_path / "0.png"]

    read.clear()
    several = stills(tmp_path)
    _ = several.clip
    assert [number(next(s.pictures())) for _, s in several.each() if s.clip] == [0, 1, 2]
    assert read == [tmp_path / f"{index}.png" for index in range(3)]


def test_a_folder_and_a_pattern_are_several_and_a_file_is_one(tmp_path: Path) -> None:
    path = save(tmp_path / "7.png", barcode(7))
    assert isinstance(stills(tmp_path), StillCollection)
    assert isinstance(stills(tmp_path / "%d.png"), StillCollection)
    assert not isinstance(stills(path), StillCollection)
    source: Source = stills(path)
    assert source.clip.count == 1
    named = save(tmp_path / "100%d.png", barcode(1))  # a file's own name
    assert not isinstance(stills(named), StillCollection)


def test_pictures_that_cannot_be_read_are_among_the_several(tmp_path: Path) -> None:
    for name in ("0.png", "2.png"):
        (tmp_path / name).write_text("no picture")
    with pytest.raises(UserError, match=r"0\.png"):
        _ = stills(tmp_path).clip
    save(tmp_path / "1.png", barcode(1))
    several = stills(tmp_path)
    assert (several.clip.height, several.clip.width) == barcode(1).shape[:2]
    assert [file.name for file, _ in several.each()] == ["0.png", "1.png", "2.png"]


def test_what_the_caller_paints_does_not_come_back(tmp_path: Path) -> None:
    source = stills(save(tmp_path / "a.png", barcode(5)))
    next(source.pictures())[:] = 0
    assert number(next(source.pictures())) == 5


def test_floating_point_is_refused(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "a.tif"), np.zeros((32, 32, 3), np.float32))
    with pytest.raises(UserError, match="8 or 16 bits"):
        _ = stills(tmp_path / "a.tif").clip
