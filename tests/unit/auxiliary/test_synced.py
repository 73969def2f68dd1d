"""pipeline.auxiliary.synced: every frame has the picture of its own time."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction

import numpy as np
import pytest

from pipeline.auxiliary.synced import SyncedPictures
from pipeline.errors import UserError
from pipeline.frame import Clip, Frame, Picture


@dataclass
class Numbered:
    """A source whose pictures say their number; behind `there` of `count` of them no more come."""

    count: int | None
    rate: Fraction = Fraction(25)
    there: int = 1000
    asked: list[int] = field(default_factory=list)
    closed: bool = False

    @property
    def clip(self) -> Clip:
        return Clip(16, 16, self.rate, self.count)

    def pictures(self, start: int = 0) -> Iterator[Picture]:
        self.asked.append(start)
        try:
            for number in range(start, min(self.there, self.count or self.there)):
                yield np.full((16, 16, 3), number, np.uint8)
        finally:
            self.closed = True


def frames(count: int, rate: Fraction = Fraction(25)) -> Iterator[Frame]:
    return (Frame(index, float(index / rate), None) for index in range(count))


def beside(source: Numbered, count: int, rate: Fraction = Fraction(25), **more: float) -> list[int]:
    """The numbers of the pictures that go with so many frames."""
    track = SyncedPictures("mask", source, **more)
    return [int(picture[0, 0, 0]) for _, picture in track.along(frames(count, rate))]


def test_at_the_same_rate_each_frame_has_its_own() -> None:
    assert beside(Numbered(20), 6) == [0, 1, 2, 3, 4, 5]


@pytest.mark.parametrize("rate", [Fraction(30000, 1001), Fraction(25), Fraction(60), Fraction(7)])
@pytest.mark.parametrize("start", [0.0, 0.3, 1.0])
def test_at_another_rate_it_is_the_nearest_in_time(rate: Fraction, start: float) -> None:
    for frame, number in enumerate(beside(Numbered(250, rate), 70, start=start)):
        # half a picture is as near as can be
        assert abs(number / rate - (start + frame / 25)) <= 1 / (2 * rate) + 1e-6


def test_a_time_between_two_pictures_is_never_decided_by_rounding_errors() -> None:
    twice = beside(Numbered(100, Fraction(15)), 60, Fraction(30))
    assert twice == [(index + 1) // 2 for index in range(60)]


def test_frames_stay_as_they_are_and_a_picture_is_one_object_as_long_as_it_stays() -> None:
    pairs = list(SyncedPictures("guide", Numbered(2, Fraction(5))).along(frames(6)))
    assert [frame.index for frame, _ in pairs] == list(range(6))
    assert len({id(picture) for _, picture in pairs}) == 2
    assert pairs[0][1] is pairs[2][1]


def test_behind_the_last_picture_that_one_stays_and_it_is_said_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    assert beside(Numbered(3), 6) == [0, 1, 2, 2, 2, 2]
    assert caplog.messages == ["mask: ends before the input; its last picture is repeated"]
    caplog.clear()
    assert beside(Numbered(1), 4) == [0, 0, 0, 0]  # a picture is meant to stay
    assert beside(Numbered(4), 4) == [0, 1, 2, 3]
    assert caplog.messages == []


def test_a_start_behind_its_end_shows_the_last_picture() -> None:
    source = Numbered(10)
    assert beside(source, 3, start=2.0) == [9, 9, 9]
    assert source.asked == [9]
    assert beside(Numbered(1), 3, start=7.0) == [0, 0, 0]


def test_of_an_unknown_length_it_is_found_out() -> None:
    assert beside(Numbered(None, there=4), 6, start=0.04) == [1, 2, 3, 3, 3, 3]


def test_a_file_that_gives_nothing_is_named_by_its_own_key() -> None:
    with pytest.raises(UserError, match=r"^mask: must contain pictures up to its end, got none"):
        beside(Numbered(10, there=0), 3)


def test_what_its_source_finds_wrong_is_named_by_its_own_key() -> None:
    def pictures(start: int = 0) -> Iterator[Picture]:
        yield np.zeros((16, 16, 3), np.uint8)
        raise UserError("input: must be decoded, this input: was not")

    source = Numbered(9)
    source.pictures = pictures  # type: ignore[method-assign]
    with pytest.raises(UserError, match=r"^mask: must be decoded, this input: was not"):
        beside(source, 3)


def test_the_inputs_own_errors_keep_their_name() -> None:
    def broken() -> Iterator[Frame]:
        yield from frames(2)
        raise UserError("input: broke")

    source = Numbered(10)
    with pytest.raises(UserError, match=r"^input: broke"):
        list(SyncedPictures("mask", source).along(broken()))
    assert source.closed


def test_left_early_it_frees_what_it_holds() -> None:
    source = Numbered(10)
    pairs = SyncedPictures("mask", source).along(frames(5))
    next(pairs)
    assert not source.closed
    pairs.close()  # type: ignore[attr-defined]
    assert source.closed
