"""pipeline.cuts: a new shot is found at its frame, and what only looks like one is not."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from helpers.scenes import pan, texture
from helpers.stages import CONF, part

from pipeline.cuts import Change, Cuts
from pipeline.errors import UserError
from pipeline.frame import Picture

HEIGHT, WIDTH = 72, 128
SUN = (1.0, 0.85, 0.6)
NAMES = sorted(path.stem for path in (CONF / "cuts").glob("*.yaml"))


def shot(
    frames: int, seed: int, velocity: tuple[int, int] = (2, 1), tint: tuple[float, ...] = SUN
) -> list[Picture]:
    """A camera moving over a texture in one light."""
    moving = pan(frames, height=HEIGHT, width=WIDTH, velocity=velocity, seed=seed)
    return [np.uint8(picture.mean(axis=2, keepdims=True) * np.float32(tint)) for picture in moving]


def night(frames: int, seed: int, velocity: tuple[int, int] = (-3, 0)) -> list[Picture]:
    """Another scene in another light."""
    return shot(frames, seed, velocity, (0.3, 0.4, 0.6))


def white(frames: int) -> list[Picture]:
    return [np.full((HEIGHT, WIDTH, 3), 255, np.uint8)] * frames


def changes(pictures: list[Picture], **settings: object) -> dict[int, Change]:
    """Every frame that does not simply go on."""
    found = part("cuts", "adaptive", **settings)(iter(pictures))
    return {i: change for i, (_, change) in enumerate(found) if change is not Change.NONE}


@pytest.mark.parametrize("length", [1, 2, 3, 12])
def test_a_hard_cut_is_found_at_exactly_its_frame(length: int) -> None:
    pictures = shot(length, 0) + night(12, 1)
    assert changes(pictures) == {length: Change.CUT}


def test_every_cut_of_several_is_found() -> None:
    pictures = shot(8, 0) + night(9, 1) + shot(10, 2) + night(8, 3)
    assert changes(pictures) == dict.fromkeys((8, 17, 27), Change.CUT)


@pytest.mark.parametrize("length", [1, 2, 3])
def test_a_cut_shortly_before_the_end_is_found(length: int) -> None:
    assert changes(shot(12, 0) + night(length, 1)) == {12: Change.CUT}


@pytest.mark.parametrize("frames", [1, 2, 3])
def test_a_flash_is_no_cut(frames: int) -> None:
    whole = shot(24, 0)
    pictures = whole[:12] + white(frames) + whole[12 + frames :]
    assert changes(pictures) == dict.fromkeys(range(12, 12 + frames), Change.FLASH)


def test_what_stays_away_too_long_for_a_flash_is_a_shot_of_its_own() -> None:
    whole = shot(30, 0)
    assert changes(whole[:10] + white(8) + whole[18:]) == dict.fromkeys((10, 18), Change.CUT)


def test_where_no_flash_is_allowed_there_are_two_cuts() -> None:
    whole = shot(24, 0)
    found = changes(whole[:12] + white(2) + whole[14:], flash_frames=0)
    assert found == dict.fromkeys((12, 14), Change.CUT)


def test_a_flash_does_not_hide_the_cut_behind_it() -> None:
    pictures = shot(10, 0) + white(2) + night(12, 1)
    found = changes(pictures)
    assert set(found.values()) == {Change.CUT}
    assert {10, 12} & set(found)


@pytest.mark.parametrize("velocity", [(16, 0), (0, 12), (0, 0)])
def test_a_fast_pan_is_no_cut_nor_is_a_tripod(velocity: tuple[int, int]) -> None:
    # 16 pixels of 128 cross the frame in a third of a second.
    assert changes(shot(20, 0, velocity)) == {}


def test_a_slow_fade_is_no_cut() -> None:
    pictures = [np.uint8(picture * (1 - t / 25)) for t, picture in enumerate(shot(24, 0))]
    assert changes(pictures) == {}


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("frames", [0, 1, 2, 3, 4, 9])
def test_all_pictures_come_out_once_in_order_untouched(name: str, frames: int) -> None:
    pictures = [texture(HEIGHT, WIDTH, seed) // (1 + seed % 3) for seed in range(frames)]
    copies = [picture.copy() for picture in pictures]
    cuts: Cuts = part("cuts", name)
    got = [picture for picture, _ in cuts(iter(pictures))]
    assert len(got) == frames
    assert all(mine is yours for mine, yours in zip(got, pictures, strict=True))
    assert all(np.array_equal(a, b) for a, b in zip(copies, pictures, strict=True))


@pytest.mark.parametrize("name", NAMES)
def test_the_first_picture_is_no_cut(name: str) -> None:
    found = list(part("cuts", name)(iter(shot(1, 0) + night(6, 1))))
    assert found[0][1] is Change.NONE


@pytest.mark.parametrize("name", NAMES)
def test_only_a_few_pictures_are_held(name: str) -> None:
    read = 0

    def source() -> Iterator[Picture]:
        nonlocal read
        for picture in (shot(20, 0) + white(2) + night(20, 1)) * 2:
            read += 1
            yield picture

    for given, _ in enumerate(part("cuts", name)(source()), start=1):
        # Five for a flash of at most four frames, two neighbours; the one given is not held.
        assert read - given <= 4 + 3


def test_without_cuts_all_goes_on() -> None:
    found = part("cuts", "none")(iter(shot(3, 0) + night(3, 1)))
    assert [change for _, change in found] == [Change.NONE] * 6


def test_an_error_of_the_source_passes() -> None:
    def broken() -> Iterator[Picture]:
        yield from shot(9, 0)
        raise LookupError("broken file")

    with pytest.raises(LookupError, match="broken file"):
        list(part("cuts", "adaptive")(broken()))


@pytest.mark.parametrize("setting", [{"ratio": 1.0}, {"least_change": 0}, {"flash_frames": -1}])
def test_settings_out_of_range_are_refused(setting: dict[str, object]) -> None:
    with pytest.raises(UserError, match=next(iter(setting))):
        part("cuts", "adaptive", **setting)
