"""pipeline.anchors: content that reappears has its old dream."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from helpers.rendering import At, Kept, dreams, start
from helpers.scenes import pan, texture
from helpers.stages import CONF, part

from pipeline.anchors import Anchors, Snapshot
from pipeline.cuts import Change
from pipeline.frame import Picture
from pipeline.gradient import Gradient
from pipeline.render import RenderedFrame

NAMES = sorted(path.stem for path in (CONF / "anchors").glob("*.yaml"))
HEIGHT, WIDTH = 96, 160
GROUND, BAR = texture(HEIGHT, WIDTH, seed=3), texture(HEIGHT, 32, seed=4, centre=190)
SPEED = 4


def crossed(frames: int) -> list[Picture]:
    """A bar that crosses a still picture, and hides each place for eight frames."""
    pictures = []
    for index in range(frames):
        picture = GROUND.copy()
        left = SPEED * index - 60
        shown = slice(max(0, left), min(WIDTH, max(0, left + 32)))
        picture[:, shown] = BAR[:, shown.start - left : shown.stop - left]
        pictures.append(picture)
    return pictures


def layer(dreamt: RenderedFrame) -> torch.Tensor:
    assert dreamt.canvas.picture is not None
    return dreamt.dream.image - dreamt.canvas.picture


def returned(gradient: Gradient, name: str, **settings: Any) -> float:
    """How alike a place's layer is before it was hidden and soon after, -1 to 1."""
    made = dreams(
        gradient, crossed(40), flow=part("flow", "dis"), anchors=part("anchors", name, **settings)
    )
    # the bar's left edge is at 100 in the last frame: what is left of it came back
    before, after = (layer(made[index])[..., 72:92] for index in (10, 39))
    return float(torch.nn.functional.cosine_similarity(before.flatten(), after.flatten(), dim=0))


@pytest.mark.parametrize("name", NAMES)
def test_it_keeps_the_contract(name: str, gradient: Gradient) -> None:
    anchors: Anchors = part("anchors", name)
    made = dreams(gradient, crossed(30), flow=part("flow", "dis"), anchors=anchors)
    for dreamt in made:
        ages = [one.age for one in dreamt.state.snapshots]
        assert ages == sorted(set(ages))
        assert all(age <= dreamt.frame.index for age in ages)
        assert 0 <= float(dreamt.canvas.maturity.min()) <= float(dreamt.canvas.maturity.max()) <= 1
        assert 0 <= float(dreamt.canvas.kept.min()) <= float(dreamt.canvas.kept.max()) <= 1


@pytest.mark.slow
def test_what_was_hidden_has_its_old_dream(gradient: Gradient) -> None:
    # the toy network draws similar motifs in any case
    anchors = part("anchors", "spaced")
    made = dreams(gradient, crossed(40), flow=part("flow", "dis"), anchors=anchors)
    assert max(dreamt.canvas.reappeared for dreamt in made[20:]) > 0.005
    assert made[0].canvas.reappeared == 0
    assert 1 - returned(gradient, "spaced") < 0.5 * (1 - returned(gradient, "none"))


def test_the_number_of_snapshots_is_bounded_and_goes_far_back() -> None:
    anchors = part("anchors", "spaced")
    kept: tuple[Snapshot, ...] = ()
    picture = np.zeros((8, 8, 3), np.uint8)
    blank = torch.zeros(1, 4, 8, 8)
    for age in range(400):
        wanted = anchors._ages(age)
        kept = (*(one for one in kept if one.age in wanted),)
        if age in wanted:
            kept = (*kept, Snapshot(age, picture, blank))
        assert len(kept) <= 7
        assert {one.age for one in kept} == {one for one in wanted if one >= 0}
        assert age < 64 or age - kept[0].age >= 64


def test_a_shot_starts_without_snapshots(gradient: Gradient) -> None:
    made = dreams(
        gradient, crossed(20), flow=part("flow", "dis"), anchors=part("anchors", "spaced")
    )
    state, last = made[-2].state, made[-1]
    assert [one.age for one in state.snapshots] == [0, 8, 16]
    cut = state.after(
        replace(last.frame, cut=True), last.canvas, last.dream, part("anchors", "spaced")
    )
    assert [one.age for one in cut.snapshots] == [0]


def test_a_moving_camera_is_left_alone(gradient: Gradient) -> None:
    flow, camera = part("flow", "dis"), part("camera", "pan")
    ways = [
        dreams(gradient, crossed(20), flow=flow, camera=camera, anchors=part("anchors", name))
        for name in ("spaced", "none")
    ]
    assert torch.equal(ways[0][-1].dream.image, ways[1][-1].dream.image)


def test_it_is_resumed_to_the_same_bits(gradient: Gradient) -> None:
    whole, settings = Kept(), {"flow": part("flow", "dis"), "anchors": part("anchors", "spaced")}
    list(start(gradient, crossed(34), recorder=whole, **settings))
    rest = Kept(state=whole.states[25])
    assert rest.state.snapshots
    list(start(gradient, crossed(34), recorder=rest, **settings))
    assert all(map(np.array_equal, rest.pictures, whole.pictures[26:]))


def returning(frames: int = 12) -> list[Picture]:
    """A shot, another one, and the first one again, where the camera has moved a little."""
    first = pan(2 * frames, height=HEIGHT, width=WIDTH, velocity=(1, 0), seed=3)
    other = [texture(HEIGHT, WIDTH, seed=9, centre=90)] * frames
    return [*first[:frames], *other, *first[frames:]]


def dreamt_across(
    gradient: Gradient, pictures: list[Picture], cuts: Iterable[int], **settings: Any
) -> list[RenderedFrame]:
    return dreams(
        gradient,
        pictures,
        flow=part("flow", "dis"),
        cuts=At(dict.fromkeys(cuts, Change.CUT)),
        anchors=part("anchors", "spaced", **settings),
    )


def test_a_cut_back_continues_the_dream_of_the_earlier_shot(gradient: Gradient) -> None:
    alike = {}
    for across in (True, False):
        made = dreamt_across(gradient, returning(), (12, 24), across_cuts=across)
        assert made[12].canvas.reappeared == 0
        assert (made[24].canvas.reappeared > 0.6) == across
        # the camera has moved by one pixel from the last frame of the shot to the first one after
        before, after = layer(made[11])[..., 1:], layer(made[24])[..., :-1]
        alike[across] = float(
            torch.nn.functional.cosine_similarity(before.flatten(), after.flatten(), dim=0)
        )
        if across:
            assert made[24].dream.steps < 0.5 * made[12].dream.steps
    assert alike[True] > 0.9
    assert 1 - alike[True] < 0.5 * (1 - alike[False])


def test_a_cut_to_something_new_is_as_without_earlier_shots(gradient: Gradient) -> None:
    pictures = [texture(HEIGHT, WIDTH, seed=seed) for seed in (3, 9, 20, 31) for _ in range(3)]
    ways = [
        dreamt_across(gradient, pictures, (3, 6, 9), across_cuts=across) for across in (True, False)
    ]
    for one, other in zip(*ways, strict=True):
        assert torch.equal(one.dream.image, other.dream.image)


def test_the_earlier_shots_are_bounded(gradient: Gradient) -> None:
    pictures = [texture(HEIGHT, WIDTH, seed=seed) for seed in range(10) for _ in range(2)]
    last = dreamt_across(gradient, pictures, range(2, 20, 2), across_cuts=True)[-1].state
    assert [one.age for one in last.snapshots] == [-6, -5, -4, -3, -2, -1, 0]
    shown = [pictures[2 * (9 + one.age)] if one.age else pictures[-1] for one in last.snapshots]
    assert all(
        np.array_equal(one.picture, picture)
        for one, picture in zip(last.snapshots, shown, strict=True)
    )


def test_a_cut_back_is_resumed_to_the_same_bits(gradient: Gradient) -> None:
    whole = Kept()
    settings = {
        "flow": part("flow", "dis"),
        "cuts": At({12: Change.CUT, 24: Change.CUT}),
        "anchors": part("anchors", "spaced", across_cuts=True),
    }
    list(start(gradient, returning(), recorder=whole, **settings))
    rest = Kept(state=whole.states[17])
    list(start(gradient, returning(), recorder=rest, **settings))
    assert all(map(np.array_equal, rest.pictures, whole.pictures[18:]))
