"""Picture files as a source: their order, orientation, depth and size, and what is refused."""

from __future__ import annotations

import logging
import os
import struct
import zlib
from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from helpers.clips import barcode, images, limited, numbers
from helpers.picture_files import exif, save
from pydantic import ValidationError

from pipeline.errors import UserError
from pipeline.frame import Picture


@pytest.mark.parametrize("suffix", [".png", ".bmp", ".tiff", ".webp", ".ppm", ".jpg", ".PNG"])
def test_a_single_picture_is_a_clip_of_one_frame(
    tmp_path: Path, corners: Picture, suffix: str
) -> None:
    source = images(save(tmp_path / f"a{suffix}", corners))
    assert (source.clip.height, source.clip.width, source.clip.count) == (64, 96, 1)
    assert source.clip.tracks is None
    (picture,) = source.pictures()
    assert picture.dtype == np.uint8
    off = np.abs(picture.astype(int) - corners)[[8, 8, 56, 56], [8, 80, 8, 80]]
    assert off.max() <= (4 if suffix == ".jpg" else 0)


def test_a_folder_is_read_in_natural_order_without_what_is_no_picture(tmp_path: Path) -> None:
    for index, name in enumerate(["a1.png", "a2.png", "a9.png", "A10.png", "a100.png", "b.png"]):
        save(tmp_path / name, barcode(index))
    (tmp_path / "notes.txt").write_text("no picture")
    (tmp_path / "._a1.png").write_text("what one system leaves on the disks of others")
    (tmp_path / "deeper.png").mkdir()
    assert numbers(images(tmp_path).pictures()) == [*range(6)]


@pytest.mark.parametrize("pattern", ["shot_%04d.png", "shot_%d.png"])
def test_a_pattern_is_read_by_number(tmp_path: Path, pattern: str) -> None:
    for index in range(4):
        save(tmp_path / (pattern % (index + 8)), barcode(index))
    save(tmp_path / "shot_x.png", barcode(99))
    save(tmp_path / "other_0001.png", barcode(99))
    source = images(tmp_path / pattern)
    assert source.clip.count == 4
    assert numbers(source.pictures()) == [0, 1, 2, 3]


def test_a_size_out_of_range_is_answered_with_the_direction(tmp_path: Path) -> None:
    save(tmp_path / "1.png", barcode(1))
    with pytest.raises(UserError, match=r"got 16x6; set a larger width or height$"):
        _ = images(tmp_path, width=16).clip
    with pytest.raises(UserError, match=r"got 12800x4800; set a smaller width or height$"):
        _ = images(tmp_path, width=12800, limits=limited(pixels=1 << 20)).clip


def test_a_missing_number_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    for index in (1, 2, 4, 10**12):
        save(tmp_path / f"{index}.png", barcode(index % 100))
    assert len(list(images(tmp_path / "%d.png").pictures())) == 4
    assert "picture 3 is missing" in caplog.text


@pytest.mark.parametrize(
    ("names", "missing"),
    [
        (["f_1.png", "f_2.png", "f_4.png", "f_5.png"], 3),
        (["f_9.png", "f_10.png", "f_11.png"], None),
        (["IMG_7.png", "IMG_40.png", "IMG_95.png"], None),
        (["a1.png", "a2.png", "b4.png"], None),
        (["one.png", "two.png"], None),
    ],
)
def test_a_missing_number_in_a_folder_of_frames_is_reported(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, names: list[str], missing: int | None
) -> None:
    for name in names:
        save(tmp_path / name, barcode(1))
    assert len(list(images(tmp_path).pictures())) == len(names)
    assert (f"picture {missing} is missing" in caplog.text) == (missing is not None)
    assert ("is missing" in caplog.text) == (missing is not None)


def test_files_that_are_left_out_and_other_sizes_are_reported(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    save(tmp_path / "1.png", barcode(1))
    save(tmp_path / "2.png", np.zeros((96, 128, 3), np.uint8))
    save(tmp_path / "3.png", np.zeros((96, 96, 3), np.uint8))
    (tmp_path / "3.heic").write_text("no picture")
    with caplog.at_level(logging.INFO):
        assert {picture.shape for picture in images(tmp_path).pictures()} == {(48, 128, 3)}
    assert "1 files that are not pictures are ignored, for example 3.heic" in caplog.text
    assert caplog.text.count("2.png has 128x96 pixels, the first picture 128x48") == 1
    assert "3.png has" not in caplog.text


def test_a_percent_sign_in_the_name_of_a_file_is_no_pattern(tmp_path: Path) -> None:
    assert numbers(images(save(tmp_path / "%d.png", barcode(7))).pictures()) == [7]


@pytest.mark.parametrize("name", [b"-\n'\".png", b"\xff.png", b"a:b.png", b"%s.png", b"*?.png"])
def test_any_name_that_the_disk_allows_is_opened(tmp_path: Path, name: bytes) -> None:
    path = tmp_path / os.fsdecode(name)
    path.write_bytes(save(tmp_path / "plain.png", barcode(5)).read_bytes())
    assert numbers(images(path).pictures()) == [5]


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_picture_stands_upright_however_the_camera_was_held(
    tmp_path: Path, corners: Picture, orientation: int, order: str
) -> None:
    path = save(tmp_path / "a.jpg", corners, exif(orientation, order))
    expected = cv2.imread(str(path), cv2.IMREAD_COLOR)
    assert expected is not None
    (picture,) = images(path).pictures()
    assert np.array_equal(picture, expected[..., ::-1])


def test_broken_metadata_leaves_the_picture_as_it_lies(tmp_path: Path, corners: Picture) -> None:
    block = exif(6)[:12]
    assert images(save(tmp_path / "a.png", corners, block)).clip.height == 64


@pytest.mark.parametrize("depth", [np.uint8, np.uint16])
def test_what_is_transparent_is_seen_over_black(tmp_path: Path, depth: type[Any]) -> None:
    peak = np.iinfo(depth).max
    picture = np.full((32, 48, 4), peak, depth)
    picture[..., 1] = 0
    picture[:, :16, 3], picture[:, 16:32, 3] = 0, peak // 2
    path = save(tmp_path / "a.png", picture, exif(6))
    (found,) = images(path).pictures()
    assert found.shape == (48, 32, 3)  # turned, although it has an alpha channel
    assert found[8, 8].tolist() == [0, 0, 0]
    assert found[24, 8].tolist() == [127, 0, 127]
    assert found[40, 8].tolist() == [255, 0, 255]


def test_sixteen_bits_are_rounded_to_eight(tmp_path: Path) -> None:
    grey = np.arange(32 * 48, dtype=np.uint16).reshape(32, 48) * 42
    cv2.imwrite(str(tmp_path / "a.png"), grey)
    (found,) = images(tmp_path / "a.png").pictures()
    assert np.array_equal(found[..., 1], np.rint(grey / 257))


def test_other_sizes_are_brought_to_that_of_the_first(tmp_path: Path) -> None:
    for index, size in enumerate([(128, 48), (64, 24), (256, 96)]):
        save(tmp_path / f"{index}.png", cv2.resize(barcode(index), size))
    source = images(tmp_path)
    pictures = list(source.pictures())
    assert {picture.shape for picture in pictures} == {(48, 128, 3)}
    assert numbers(pictures) == [0, 1, 2]
    assert next(images(tmp_path, width=64).pictures()).shape == (24, 64, 3)
    assert next(images(tmp_path, width=64, height=64).pictures()).shape == (64, 64, 3)


def test_odd_sides_lose_a_pixel_and_say_so(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    source = images(save(tmp_path / "a.png", barcode(1)[:47, :127]))
    assert source.shape == (47, 127)
    with caplog.at_level(logging.INFO):
        assert (source.clip.height, source.clip.width) == (46, 126)
    assert "127x47 pixels are reduced to 126x46" in caplog.text


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"start": 0.2}, range(2, 8)),
        ({"end": 0.3}, range(3)),
        ({"start": 0.2, "frames": 3}, range(2, 5)),
        ({"start": 0.2, "end": 0.4, "frames": 9}, range(2, 4)),
    ],
)
def test_start_end_and_frames_cut_to_the_frame(
    tmp_path: Path, settings: dict[str, Any], expected: range
) -> None:
    for index in range(8):
        save(tmp_path / f"{index}.png", barcode(index))
    source = images(tmp_path, rate=10, **settings)
    assert source.clip.count == len(expected)
    assert numbers(source.pictures()) == list(expected)
    assert numbers(source.pictures(1)) == list(expected)[1:]
    assert numbers(source.pictures(99)) == []


@pytest.mark.parametrize(
    ("rate", "exact"), [("30000/1001", Fraction(30000, 1001)), (12.3, Fraction(123, 10)), (5, 5)]
)
def test_the_rate_is_what_is_written(tmp_path: Path, rate: object, exact: Fraction) -> None:
    assert images(tmp_path, rate=rate).rate == exact


def test_a_broken_picture_is_bridged_by_the_one_before_it_even_after_a_resume(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for index in range(5):
        save(tmp_path / f"{index}.png", barcode(index))
    (tmp_path / "2.png").write_bytes(b"no picture")
    (tmp_path / "3.png").write_bytes((tmp_path / "3.png").read_bytes()[:40])
    assert numbers(images(tmp_path).pictures()) == [0, 1, 1, 1, 4]
    assert numbers(images(tmp_path).pictures(3)) == [1, 4]
    assert "2.png is replaced by the picture before it" in caplog.text


def test_what_the_caller_paints_does_not_come_back(tmp_path: Path) -> None:
    save(tmp_path / "0.png", barcode(5))
    (tmp_path / "1.png").write_bytes(b"no picture")
    pictures = images(tmp_path).pictures()
    next(pictures)[:] = 0
    assert numbers(pictures) == [5]


def bomb(path: Path, side: int) -> Path:
    """A small PNG that asks for side x side pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0))
    body = chunk(b"IDAT", zlib.compress(bytes(side // 8 + 1) * 100))
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + head + body + chunk(b"IEND", b""))
    return path


def test_a_bomb_is_refused_before_it_is_decoded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cv2, "imdecodeWithMetadata", None)
    with pytest.raises(UserError, match=r"limits\.pixels=67108864"):
        _ = images(bomb(tmp_path / "a.png", 30000)).clip


def test_a_file_far_larger_than_any_picture_is_not_read(tmp_path: Path) -> None:
    path = save(tmp_path / "a.bmp", barcode(0))
    with path.open("r+b") as file:
        file.truncate(1 << 24)
    with pytest.raises(UserError, match="bytes"):
        _ = images(path, limits=limited(pixels=10000)).clip


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("gone.png", "No such file"),
        ("gone_%04d.png", "got none"),
        ("folder", "got none"),
        ("fifo.png", "pipe or device"),
        ("empty.png", "0 bytes"),
        ("text.png", "must be a picture"),
        ("cut.png", "must be a picture"),
        ("dot.png", "at least 16x16 pixels, got 1x1"),
    ],
)
def test_what_is_no_picture_is_refused_in_one_line(tmp_path: Path, name: str, reason: str) -> None:
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "fifo.png")
    (tmp_path / "empty.png").touch()
    (tmp_path / "text.png").write_text("no picture")
    (tmp_path / "cut.png").write_bytes(save(tmp_path / "a.png", barcode(0)).read_bytes()[:20])
    save(tmp_path / "dot.png", np.zeros((1, 1, 3), np.uint8))
    with pytest.raises(UserError, match=reason) as caught:
        _ = images(tmp_path / name).clip
    assert str(caught.value).isprintable()
    assert str(caught.value).startswith("input: must ")


def test_a_part_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    path = save(tmp_path / "a.png", barcode(0))
    with pytest.raises(UserError, match=r"^end: must be later"):
        images(path, start=2.0, end=1.0)
    with pytest.raises(UserError, match=r"^start: must be before"):
        _ = images(path, start=1.0).clip
    with pytest.raises(UserError, match=r"^input: must be set"):
        images("")
    with pytest.raises(ValidationError):
        images(path, frames=0)
    with pytest.raises(ValidationError):
        images(path, rate=0)
