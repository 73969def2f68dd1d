"""pipeline.source.retimed: other frame rates and speeds."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers.clips import LIMITS, barcode, limited, number
from helpers.scenes import pan
from helpers.stages import part

from pipeline.errors import UserError
from pipeline.frame import Clip, Picture, Tracks
from pipeline.source import Source
from pipeline.source.retimed import Retimed

STILL = part("flow", "none")


@dataclass
class Filmed:
    """Pictures at 25 a second that counts how many are asked for."""

    shots: list[Picture]
    known: bool = True
    asked: int = 0

    @property
    def clip(self) -> Clip:
        height, width = self.shots[0].shape[:2]
        tracks = Tracks(Path("a.mp4"), 1.0, len(self.shots) / 25, ("aac",), ("mov_text",))
        count = len(self.shots) if self.known else None
        return Clip(height, width, Fraction(25), count, tracks)

    def pictures(self, start: int = 0) -> Iterator[Picture]:
        for picture in self.shots[start:]:
            self.asked += 1
            yield picture


def numbered(count: int = 10, **rest: Any) -> Filmed:
    return Filmed([barcode(index) for index in range(count)], **rest)


def retimed(source: Filmed, **changes: Any) -> Retimed:
    given = {"rate": Fraction(25), "speed": Fraction(1), "frames": None, "sound": "stretch",
             "flow": STILL, "limits": LIMITS, **changes}  # fmt: skip
    return Retimed(source, **given)


def seen(source: Source) -> list[int]:
    return [number(picture) for picture in source.pictures() if picture is not None]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, list(range(10))),
        ({"rate": Fraction(50)}, [0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 8, 9, 9, 9]),
        ({"speed": Fraction(2)}, [0, 2, 4, 6, 8]),
        ({"rate": Fraction(50), "speed": Fraction(2)}, list(range(10))),
        ({"rate": Fraction(10)}, [0, 3, 5, 8]),
        ({"speed": Fraction(1, 4), "frames": 5}, [0, 0, 1, 1, 1]),
        ({"speed": Fraction(20)}, [0]),
    ],
)
@pytest.mark.parametrize("known", [True, False])
def test_without_a_flow_the_nearest_picture_is_taken(
    changes: dict[str, Any], expected: list[int], known: bool
) -> None:
    source = retimed(numbered(known=known), **changes)
    assert seen(source) == expected
    assert source.clip.rate == changes.get("rate", 25)
    assert source.clip.count == (len(expected) if known or "frames" in changes else None)


def test_pictures_of_the_source_pass_through_and_others_lie_between() -> None:
    shots = pan(7, height=64, width=96, velocity=(2, 1))
    truth = [shot.copy() for shot in shots]
    source = retimed(Filmed(shots[::2]), rate=Fraction(50), flow=part("flow", "dis"))
    made = list(source.pictures())
    assert len(made) == 8
    for index, picture in enumerate(made[:7:2]):
        assert np.array_equal(picture, truth[2 * index])
    for index in (1, 3, 5):
        assert np.abs(made[index].astype(int) - truth[index])[8:-8, 8:-8].mean() < 3
        assert not np.array_equal(made[index], made[index - 1])
    assert np.array_equal(made[7], truth[6])
    made[0][:] = 0  # the caller's own
    assert shots[0].any()


@pytest.mark.parametrize("speed", [Fraction(1, 3), Fraction(1), Fraction(7, 5)])
def test_it_starts_anywhere_with_the_same_pictures(speed: Fraction) -> None:
    shots = pan(6, height=48, width=64, velocity=(1, 0))
    source = retimed(
        Filmed(shots), rate=Fraction(30), speed=speed, frames=9, flow=part("flow", "dis")
    )
    whole = list(source.pictures())
    for start in range(len(whole) + 2):
        assert np.array_equal(list(source.pictures(start)), whole[start:])


def test_no_more_is_decoded_than_needed() -> None:
    source = numbered()
    assert len(list(islice(retimed(source, speed=Fraction(1, 5)).pictures(), 6))) == 6
    assert source.asked == 3


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"rate": Fraction(50)}, Tracks(Path("a.mp4"), 1.0, 0.4, ("aac",), ("mov_text",))),
        ({"rate": Fraction(50), "frames": 10},
         Tracks(Path("a.mp4"), 1.0, 0.2, ("aac",), ("mov_text",))),
        ({"speed": Fraction(1, 2)},
         Tracks(Path("a.mp4"), 1.0, 0.4, ("aac",), ("mov_text",), 0.5)),
        ({"speed": Fraction(2), "frames": 2},
         Tracks(Path("a.mp4"), 1.0, 0.16, ("aac",), ("mov_text",), 2.0)),
        ({"speed": Fraction(1, 2), "sound": "copy"},
         Tracks(Path("a.mp4"), 1.0, 0.8, ("aac",), ("mov_text",))),
    ],
)  # fmt: skip
def test_sound_follows_the_speed(changes: dict[str, Any], expected: Tracks) -> None:
    assert retimed(numbered(), **changes).clip.tracks == expected


def test_limits_hold_for_the_result() -> None:
    with pytest.raises(UserError, match=r"^rate, speed: must give at most limits\.frames=30 "):
        _ = retimed(numbered(), speed=Fraction(1, 4), limits=limited(frames=30)).clip
    with pytest.raises(UserError, match=r"^rate: must have at most limits\.rate=60 frames/s"):
        _ = retimed(numbered(), rate=Fraction(90), limits=limited(rate=60)).clip
