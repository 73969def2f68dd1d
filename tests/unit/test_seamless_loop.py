"""pipeline.seamless_loop: the end goes over into the start, and nothing is shown twice."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from helpers.stages import canvas_of, part

from pipeline.config.settings import overlap_of
from pipeline.errors import UserError
from pipeline.frame import Clip, Frame, Picture, Tracks, to_image
from pipeline.seamless_loop import SeamlessLoop
from pipeline.stages import Stages
from pipeline.state import State
from pipeline.warp import pixel_grid

CLIP = Clip(8, 8, Fraction(10), 30, Tracks(Path("a.mp4"), 1.0, 3.0, ("aac",)))


def grey(value: int) -> Picture:
    return np.full((8, 8, 3), value, np.uint8)


def frame(index: int, *, filmed: bool) -> Frame:
    return Frame(index, index / 10, grey(0) if filmed else None)


@dataclass
class Taken:
    """A recorder of grey values."""

    values: list[int] = field(default_factory=list)
    state: State = field(default_factory=State)

    def add(
        self, pictures: Iterable[Picture], before: State, state: State, *, starts_shot: bool = False
    ) -> None:
        """Takes those."""
        self.values += [int(picture[0, 0, 0]) for picture in pictures]

    def finish(self, rest: Iterable[Picture] = ()) -> None:
        """Takes the rest."""
        self.values += [int(picture[0, 0, 0]) for picture in rest]


def shown(loop: SeamlessLoop, values: list[int], *, filmed: bool = True) -> list[int]:
    """The grey values that come out for those that go in."""
    taken, state = Taken(), State()
    recorder = loop.record(taken)
    for index, value in enumerate(values):
        picture, before = grey(value), state
        image = to_image(picture, "cpu")
        state = loop.keep(before, frame(index, filmed=filmed), image, picture)
        recorder.add([picture], before, state)
    recorder.finish()
    return taken.values


def test_no_loop_shows_everything() -> None:
    assert shown(SeamlessLoop(0), [1, 2, 3]) == [1, 2, 3]
    assert SeamlessLoop(0).clip(CLIP) == CLIP


def test_the_end_becomes_the_start_and_the_start_is_left_out() -> None:
    values = list(range(0, 120, 4))  # 30 pictures, ever lighter
    out = shown(SeamlessLoop(10, 30), values)
    assert len(out) == 20 == SeamlessLoop(10).clip(CLIP).count
    assert out[:10] == values[10:20]
    assert out[-1] == values[9]  # and the next one that is played is values[10]
    steps = [abs(b - a) for a, b in pairwise([*out, out[0]])]
    assert steps[-1] == 4  # no seam


def test_how_many_there_are_need_not_be_known() -> None:
    values = list(range(40, 100, 2))
    assert shown(SeamlessLoop(5, None), values) == shown(SeamlessLoop(5, 30), values)


def test_the_sound_begins_with_the_first_picture_that_is_shown() -> None:
    tracks = SeamlessLoop(10).clip(CLIP).tracks
    assert tracks is not None
    assert (tracks.offset, tracks.seconds) == (2.0, 2.0)


def test_a_dream_of_its_own_is_pulled_to_its_beginning() -> None:
    loop, state = SeamlessLoop(10, 30), State()
    for index in range(10):
        picture = grey(200)
        first = frame(index, filmed=index == 0)
        state = loop.keep(state, first, to_image(picture, "cpu"), picture)
    canvas = canvas_of(to_image(grey(0), "cpu"), index=19)
    assert loop.pull(canvas, state) is canvas
    for index in range(20, 30):
        canvas = loop.pull(replace(canvas, index=index), state)
        assert float(canvas.image.max()) == pytest.approx(200 / 255 * loop.share(index), abs=1e-3)
    assert float(canvas.image.max()) == pytest.approx(200 / 255, abs=1e-3)
    footage = replace(canvas, picture=to_image(grey(0), "cpu"), index=25)
    assert loop.pull(footage, state) is footage  # never pulled


def test_the_camera_comes_to_move_as_it_did() -> None:
    def at(index: int) -> Stages:
        parts: dict[str, Any] = dict.fromkeys(("warp", "governor", "dreamer", "objective"))
        camera = part("camera", "pan", right_per_second=index / 10)
        return Stages(**{**parts, "camera": camera})

    moments, grid = SeamlessLoop(10, 30).blend_camera(at), pixel_grid(8, 8, torch.device("cpu"))

    def speed(index: int) -> float:
        moved = moments(index).camera(grid, index / 10, 10.0) - grid
        return float(moved[0, 0, 0, 0]) / 8 * 10

    assert speed(19) == pytest.approx(1.9)
    assert speed(29) == pytest.approx(0.9)  # as frame 9, which it becomes
    assert all(0.8 < speed(index) < 2.5 for index in range(20, 30))


@pytest.mark.parametrize("rate", ["10", "24", "25", "30000/1001", "60", "500"])
@pytest.mark.parametrize("count", [2, 3, 9, 10, 47])
def test_what_is_too_short_is_answered_with_an_overlap_that_fits(rate: str, count: int) -> None:
    clip = replace(CLIP, count=count, rate=Fraction(rate))
    with pytest.raises(UserError) as error:
        SeamlessLoop(count).clip(clip)
    found = re.search(r"; set loop_seconds=([\d.]+), or loop=false$", str(error.value))
    assert found
    overlap = overlap_of(True, float(found[1]), clip.rate)
    assert SeamlessLoop(overlap).clip(clip).count == count - overlap


def test_a_single_frame_is_no_loop() -> None:
    with pytest.raises(UserError, match=r"got 1; set loop=false$"):
        SeamlessLoop(1).clip(replace(CLIP, count=1))


def test_what_is_too_short_is_refused() -> None:
    with pytest.raises(UserError, match=r"loop: must have .* got 30; set loop_seconds"):
        SeamlessLoop(16).clip(CLIP)
    with pytest.raises(UserError, match=r"loop: must have .* got 12; set a smaller loop_seconds"):
        shown(SeamlessLoop(8), [0] * 12)
    assert SeamlessLoop(16).clip(replace(CLIP, count=None)).count is None
