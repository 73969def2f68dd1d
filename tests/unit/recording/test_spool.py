"""pipeline.recording.spool: pictures on the disk as they are, whole or not there."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from helpers.scenes import texture

from pipeline.frame import Clip
from pipeline.recording.spool import Spool

CLIP = Clip(16, 32, Fraction(25))
PICTURES = [texture(16, 32, seed) for seed in range(9)]


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    return Spool(tmp_path, CLIP)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_what_was_settled_is_found_again_in_one_row(spool: Spool, tmp_path: Path) -> None:
    for first, last in ((2, 4), (4, 5), (5, 9)):
        for number in range(first, last):
            spool.append(PICTURES[number], number)
        spool.sync()
    again = Spool(tmp_path, CLIP)
    assert again.end(2) == 9
    assert again.end(0) == 0  # nothing is there that begins with it
    assert np.array_equal(list(again.pictures(2)), PICTURES[2:])
    assert np.array_equal(list(again.pictures(5)), PICTURES[5:])


def test_what_was_not_settled_does_not_count(spool: Spool, tmp_path: Path) -> None:
    spool.append(PICTURES[0], 0)
    assert Spool(tmp_path, CLIP).end(0) == 0
    spool.close()
    assert names(tmp_path) == []
    spool.sync()  # and now there is nothing to settle
    assert names(tmp_path) == []


def test_a_part_of_a_picture_is_cut_off(
    spool: Spool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spool.append(PICTURES[0], 0)
    (half,) = tmp_path.iterdir()
    with half.open("ab") as file:  # as a write that was interrupted leaves it
        file.write(b"half a picture")
    spool.sync()
    assert names(tmp_path) == ["pictures-00000000-00000001"]
    assert (tmp_path / "pictures-00000000-00000001").read_bytes() == PICTURES[0].tobytes()


def test_pieces_go_when_they_are_in_a_segment(spool: Spool, tmp_path: Path) -> None:
    for number in range(4):
        spool.append(PICTURES[number], number)
        spool.sync()
    spool.append(PICTURES[4], 4)
    spool.clear(before=3)
    assert names(tmp_path) == ["pictures-00000003-00000004"]
    spool.append(PICTURES[4], 4)
    spool.clear(before=4)
    assert names(tmp_path) == []


def test_pictures_of_16_bits_are_kept_too(tmp_path: Path) -> None:
    deep = np.random.default_rng(0).integers(0, 65536, (16, 32, 3), np.uint16)
    spool = Spool(tmp_path, Clip(16, 32, Fraction(1), depth=16))
    spool.append(deep, 0)
    spool.sync()
    (back,) = spool.pictures(0)
    assert back.dtype == np.uint16
    assert np.array_equal(back, deep)
