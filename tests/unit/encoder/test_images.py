"""pipeline.encoder.images: every picture comes back as it was, in a folder or alone."""

from __future__ import annotations

import os
import struct
import zlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pytest
import tifffile
from helpers.tracks import HEIGHT, WIDTH, clip, settings
from PIL import Image, ImageCms
from pydantic import ValidationError

from pipeline.encoder.images import Images, PictureSegment
from pipeline.errors import UserError
from pipeline.frame import Clip, Picture, to_uint8

HOSTILE = "-it's %d\n\"ü, [a].v2"


def encoder(**changes: object) -> Images:
    return Images(**settings("images", **changes))  # type: ignore[arg-type]


def noise(count: int) -> list[Picture]:
    rng = np.random.default_rng(0)
    return [rng.integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8) for _ in range(count)]


def segments(folder: Path, pictures: list[Picture], *lengths: int) -> list[Path]:
    rest, paths = list(pictures), []
    for index, length in enumerate(lengths):
        paths.append(folder / f"{index}.seg")
        with encoder().open(paths[-1], clip()) as writer:
            for picture in rest[:length]:
                writer.write(picture)
        rest = rest[length:]
    return paths


def read(path: Path) -> Picture:
    """The picture as RGB, whatever the file is called."""
    content = cv2.imdecode(np.frombuffer(path.read_bytes(), np.uint8), cv2.IMREAD_COLOR)
    assert content is not None
    return content[..., ::-1].astype(np.uint8)


def texts(path: Path) -> dict[str, str]:
    """The UTF-8 tags of a PNG; every checksum must be right."""
    rest, found = path.read_bytes()[8:], {}
    while rest:
        size, name = struct.unpack(">I4s", rest[:8])
        body, rest = rest[8 : 8 + size], rest[8 + size :]
        assert struct.unpack(">I", rest[:4])[0] == zlib.crc32(name + body)
        rest = rest[4:]
        if name == b"iTXt":
            key, text = body.split(b"\0\0\0\0\0")
            found[key.decode()] = text.decode()
    return found


@pytest.mark.parametrize("name", ["dream", HOSTILE])
def test_a_folder_holds_every_picture_in_order(name: str, tmp_path: Path) -> None:
    pictures = noise(5)
    encoder().join(segments(tmp_path, pictures, 3, 2), tmp_path / name, clip(), {"comment": "x"})
    found = sorted((tmp_path / name).iterdir())
    assert [path.name for path in found] == [f"{n:06d}.png" for n in range(5)]
    np.testing.assert_array_equal([read(path) for path in found], pictures)


@pytest.mark.parametrize("name", ["dream.png", f"{HOSTILE}.png"])
def test_a_single_png_is_lossless_and_bears_its_tags(name: str, tmp_path: Path) -> None:
    (picture,) = noise(1)
    tags = {"comment": "crf: 3\nname: ü", "title": "t"}
    encoder().join(segments(tmp_path, [picture], 1), tmp_path / name, clip(count=1), tags)
    np.testing.assert_array_equal(read(tmp_path / name), picture)
    assert texts(tmp_path / name) == tags


@pytest.mark.parametrize("suffix", [".jpg", ".jpeg"])
def test_a_single_jpeg_keeps_fine_colour(suffix: str, tmp_path: Path) -> None:
    picture = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    picture[:, ::2] = (250, 40, 60)  # a red line beside a black one: lost at half resolution
    path = tmp_path / f"out{suffix}"
    encoder(quality=100).join(segments(tmp_path, [picture], 1), path, clip(count=1), {})
    assert np.abs(read(path).astype(int) - picture).max() <= 3


@pytest.mark.parametrize("suffix", ["", ".png", ".jpg", ".jpeg", ".tif", ".webp"])
def test_a_check_leaves_nothing(suffix: str, tmp_path: Path) -> None:
    encoder().check(clip(count=1), tmp_path, suffix)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("count", "got"), [(2, "got 2"), (None, "got an unknown number")])
def test_a_single_picture_cannot_hold_a_video(count: int | None, got: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=got):
        encoder().check(clip(count=count), tmp_path, ".png")
    encoder().check(clip(count=count), tmp_path, "")
    paths = segments(tmp_path, noise(2), 2)
    with pytest.raises(UserError, match=r"must contain exactly one picture as a \.png file, got 2"):
        encoder().join(paths, tmp_path / "out.png", clip(), {})


def test_a_suffix_of_another_encoder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"a folder.*or \.png.*got '\.mp4'"):
        encoder().check(clip(), tmp_path, ".mp4")


def test_a_segment_appears_only_when_it_is_closed(tmp_path: Path) -> None:
    path = tmp_path / "0.seg"
    with encoder().open(path, clip()) as writer:
        writer.write(noise(1)[0])
        assert not path.exists()
        writer.close()
        assert path.exists()
    assert list(tmp_path.iterdir()) == [path]


def test_an_error_in_the_block_leaves_only_what_was_there(tmp_path: Path) -> None:
    (tmp_path / "other.seg").write_text("mine")
    writer = encoder().open(tmp_path / "0.seg", clip())
    with pytest.raises(KeyError), writer:
        raise KeyError(writer.write(noise(1)[0]))
    assert [entry.name for entry in tmp_path.iterdir()] == ["other.seg"]


def test_the_same_pictures_make_the_same_bytes(tmp_path: Path) -> None:
    one, two = segments(tmp_path, noise(2) * 2, 2, 2)
    assert one.read_bytes() == two.read_bytes()


def fill(writer: PictureSegment) -> None:
    """Let the writer's disk be full from now on."""
    full = os.open("/dev/full", os.O_WRONLY)
    os.dup2(full, writer._file.fileno())
    os.close(full)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full here")
def test_a_full_disk_is_named(tmp_path: Path) -> None:
    writer = encoder().open(tmp_path / "0.seg", clip())
    fill(writer)
    writer.write(np.zeros((HEIGHT, WIDTH, 3), np.uint8))  # few bytes wait in memory
    with pytest.raises(UserError, match="No space left"), writer:
        writer.close()
    writer = encoder(compression=0).open(tmp_path / "0.seg", clip())
    fill(writer)
    with pytest.raises(UserError, match="No space left"), writer:
        writer.write(noise(1)[0])
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("at", [0, 100, -1])
def test_a_damaged_segment_is_named(at: int, tmp_path: Path) -> None:
    (path,) = segments(tmp_path, noise(2), 2)
    content = bytearray(path.read_bytes())
    content[at] ^= 1
    path.write_bytes(content)
    with pytest.raises(UserError, match="must be undamaged"):
        encoder().join([path], tmp_path / "out", clip(), {})


@pytest.mark.parametrize("lost", [1, 12, 20])
def test_a_segment_that_ends_early_is_named(lost: int, tmp_path: Path) -> None:
    (path,) = segments(tmp_path, noise(2), 2)
    path.write_bytes(path.read_bytes()[:-lost])  # 12: exactly the last chunk
    with pytest.raises(UserError, match="must be undamaged"):
        encoder().join([path], tmp_path / "out", clip(), {})
    assert not (tmp_path / "out").exists()


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="must be writable"):
        encoder().open(tmp_path / "gone" / "0.seg", clip())
    with pytest.raises(UserError, match="must be writable"):
        encoder().check(clip(count=1), tmp_path / "gone", ".png")


def test_a_picture_of_another_shape_is_refused(tmp_path: Path) -> None:
    with (
        pytest.raises(ValueError, match="a picture must have shape"),
        encoder().open(tmp_path / "0.seg", clip()) as writer,
    ):
        writer.write(np.zeros((HEIGHT, WIDTH), np.uint8))


@pytest.mark.parametrize(
    "change", [{"suffixes": [".bmp"]}, {"compression": 10}, {"quality": 0}, {"suffixes": []}]
)
def test_settings_that_mean_nothing_are_refused(change: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        encoder(**change)


def still(depth: int, *, alpha: bool = False) -> tuple[Clip, npt.NDArray[Any]]:
    """A clip of one picture of that depth, and the picture, (H, W, 3 or 4)."""
    shape = (HEIGHT, WIDTH, 3 + alpha)
    pixels = np.random.default_rng(0).integers(0, 2**depth, shape, dtype=f"u{depth // 8}")
    return replace(clip(count=1), depth=depth, cutout=pixels if alpha else None), pixels


def single(path: Path, shape: Clip, pixels: npt.NDArray[Any], **changes: object) -> Path:
    """The file that holds this picture alone."""
    with encoder(**changes).open(path.with_suffix(".seg"), shape) as writer:
        writer.write(pixels[..., :3])
    encoder(**changes).join([path.with_suffix(".seg")], path, shape, {"comment": "x"})
    return path


@pytest.mark.parametrize("alpha", [False, True])
@pytest.mark.parametrize("depth", [8, 16])
@pytest.mark.parametrize("suffix", [".png", ".tif", ".tiff"])
def test_all_that_a_still_holds_comes_back(
    suffix: str, depth: int, alpha: bool, tmp_path: Path
) -> None:
    shape, pixels = still(depth, alpha=alpha)
    path = single(tmp_path / f"a{suffix}", shape, pixels)
    if suffix == ".png":
        found = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
        assert found is not None
        found = found[..., [2, 1, 0, 3][: found.shape[2]]]
    else:
        found = tifffile.imread(path)
        with tifffile.TiffFile(path) as tiff:
            meant = tiff.pages[0].extrasamples  # type: ignore[union-attr]
        assert list(meant) == ([tifffile.EXTRASAMPLE.UNASSALPHA] if alpha else [])
    assert found.dtype == pixels.dtype
    assert np.array_equal(found, pixels)


def test_a_webp_holds_its_alpha_bit_for_bit(tmp_path: Path) -> None:
    shape, pixels = still(16, alpha=True)
    found = np.asarray(Image.open(single(tmp_path / "a.webp", shape, pixels)))
    assert np.array_equal(found[..., 3], to_uint8(pixels)[..., 3])


def test_a_jpeg_shows_a_still_over_black(tmp_path: Path) -> None:
    pixels = np.full((HEIGHT, WIDTH, 4), 50000, np.uint16)
    pixels[:, : WIDTH // 2, 3] = 0
    shape = replace(clip(count=1), depth=16, cutout=pixels)
    found = read(single(tmp_path / "a.jpg", shape, pixels))
    assert found[:, : WIDTH // 2 - 8].max() <= 2
    seen = 50000 / 65535 * 50000 / 257
    assert np.abs(found[:, WIDTH // 2 + 8 :] - seen).max() <= 2


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp", ".tif"])
@pytest.mark.parametrize("large", [False, True])
def test_what_the_colours_mean_is_written_too(
    suffix: str, large: bool, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    if large:  # tables of a printer or a camera; more than one block of a JPEG has room for
        noise = np.random.default_rng(0).bytes(200_001)
        profile = (len(profile) + len(noise)).to_bytes(4) + profile[4:] + noise
    shape, pixels = still(8)
    path = single(tmp_path / f"a{suffix}", replace(shape, profile=profile), pixels)
    with Image.open(path) as found:
        said = found.info.get("icc_profile")
    assert said == (None if large and suffix == ".jpg" else profile)
    assert ("profile is omitted" in caplog.text) == (said is None)


@pytest.mark.parametrize("suffix", ["", ".png", ".tif", ".jpg"])
def test_a_check_tries_what_the_still_will_need(suffix: str, tmp_path: Path) -> None:
    shape, _ = still(16, alpha=True)
    encoder().check(shape, tmp_path, suffix)
    assert list(tmp_path.iterdir()) == []


def test_a_picture_of_another_depth_is_refused(tmp_path: Path) -> None:
    shape, _ = still(16)
    picture = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    with (
        pytest.raises(ValueError, match="and 16 bits"),
        encoder().open(tmp_path / "0.seg", shape) as writer,
    ):
        writer.write(picture)
