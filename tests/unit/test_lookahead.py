"""pipeline.lookahead: the frames of a shot are dreamt backwards first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch
from helpers.rendering import HEIGHT, WIDTH, At, Kept, Pictures, dreams, start
from helpers.sampling import every
from helpers.scenes import pan, texture
from helpers.stages import part, pipeline_of, stages
from torch import Tensor

import pipeline.render
from pipeline import lookahead
from pipeline.anchors import Snapshot
from pipeline.canvas import Canvas
from pipeline.cuts import Change
from pipeline.frame import Clip, Frame, Guide, Picture
from pipeline.gradient import Gradient
from pipeline.imaging.metrics import flicker
from pipeline.imaging.sampling import sample
from pipeline.render import RenderedFrame

SPEED = 2
SHOT = pan(24, height=HEIGHT, width=WIDTH, velocity=(SPEED, 0))
"""Content enters on the right."""


@pytest.fixture(autouse=True)
def short_groups(monkeypatch: pytest.MonkeyPatch) -> None:
    """Groups of eight frames."""
    monkeypatch.setattr(lookahead, "LONGEST", 8)


def settings(**changes: Any) -> dict[str, Any]:
    return {"flow": part("flow", "dis"), "passes": 2, **changes}


def layer(dreamt: RenderedFrame) -> Tensor:
    assert dreamt.canvas.picture is not None
    return dreamt.dream.image - dreamt.canvas.picture


def entered(made: list[RenderedFrame]) -> float:
    """Energy of the layer where content entered in the last four frames, over that of the rest."""
    new = slice(WIDTH - 4 * SPEED, WIDTH)
    shown = made[6:]
    energy = [float(layer(one)[..., new].square().mean()) for one in shown]
    rest = [float(layer(one)[..., 8 : -8 * SPEED].square().mean()) for one in shown]
    return sum(energy) / sum(rest)


def shaken(made: list[RenderedFrame]) -> float:
    """Mean flicker along the known motion."""
    found = []
    for before, now in pairwise(made[6:]):
        x, y = torch.meshgrid(
            torch.arange(WIDTH) - (WIDTH - 1) / 2,
            torch.arange(HEIGHT) - (HEIGHT - 1) / 2,
            indexing="xy",
        )
        moved = sample(layer(before), torch.stack([x + SPEED, y], dim=-1)[None])
        seen = (x + SPEED <= (WIDTH - 1) / 2).float()[None, None]
        found.append(float(flicker(layer(now), moved, seen)))
    return sum(found) / len(found)


def test_what_enters_has_a_dream(gradient: Gradient) -> None:
    one, two = (dreams(gradient, SHOT, **settings(passes=passes)) for passes in (1, 2))
    assert entered(two) > 1.2 * entered(one)
    assert shaken(two) < shaken(one)
    # the first frame has the dream of the backward pass, and needs the steps of a carried one only
    assert two[0].dream.steps < 0.5 * one[0].dream.steps
    assert float(two[0].dream.maturity.mean()) > 0.8


@pytest.mark.parametrize("at", every(4, [0, 1, 5, 7, 8, 12, 15, 16, 20, 22]))
def test_a_resumed_render_is_the_same(gradient: Gradient, at: int) -> None:
    changes = {4: Change.FLASH, 13: Change.CUT, 14: Change.FLASH}
    whole = Kept()
    list(start(gradient, SHOT, recorder=whole, **settings(cuts=At(changes))))
    rest = Kept(state=whole.states[at])
    list(start(gradient, SHOT, recorder=rest, **settings(cuts=At(changes))))
    assert len(rest.pictures) == len(SHOT) - at - 1
    assert all(map(np.array_equal, rest.pictures, whole.pictures[at + 1 :]))


def test_a_shot_is_the_same_whatever_precedes_it(gradient: Gradient) -> None:
    other = [texture(HEIGHT, WIDTH, seed=5)] * 3
    cut = settings(cuts=At({3: Change.CUT}))
    after = dreams(gradient, [*other, *SHOT[:12]], **cut)[3:]
    alone = dreams(gradient, SHOT[:12], **settings())
    for one, two in zip(after, alone, strict=True):
        assert torch.equal(one.dream.image, two.dream.image)


def test_what_fades_in_the_backward_pass_is_not_mature(
    gradient: Gradient, monkeypatch: pytest.MonkeyPatch
) -> None:
    # else a layer that a dissolve has weakened would be given, and would stay as weak
    monkeypatch.setattr(lookahead, "LONGEST", 48)
    given: list[Snapshot] = []

    def give(canvas: Canvas, dreamt: Snapshot | None) -> Canvas:
        given.extend([dreamt] if dreamt else [])
        return lookahead.give(canvas, dreamt)

    monkeypatch.setattr(pipeline.render, "give", give)
    one, other = (texture(HEIGHT, WIDTH, seed=seed).astype(np.float32) for seed in (5, 6))
    shares = [0.0] * 4 + [k / 12 for k in range(1, 12)] + [1.0] * 10
    film = [np.rint((1 - share) * one + share * other).astype(np.uint8) for share in shares]
    dreams(gradient, film, **settings(cuts=At({5: Change.CUT})))
    strengths = [float(dreamt.layer[:, :3].float().std()) for dreamt in given]
    weak = [
        dreamt
        for dreamt, strength in zip(given, strengths, strict=True)
        if strength < 0.3 * max(strengths)
    ]
    assert weak
    assert all(float(dreamt.layer[:, 3:].float().mean()) < 0.3 for dreamt in weak)


def test_a_single_picture_is_dreamt_once(gradient: Gradient) -> None:
    (one,), (two,) = (dreams(gradient, SHOT[:1], **settings(passes=passes)) for passes in (1, 2))
    assert torch.equal(one.dream.image, two.dream.image)
    assert one.dream.steps == two.dream.steps


def groups(given: list[Picture], length: int = 8, **changes: Any) -> list[list[int]]:
    """The source frames that are dreamt backwards together, in their order in time."""
    found = []

    def dream_backwards(frames: Sequence[Frame]) -> list[Snapshot]:
        found.append([frame.index for frame in frames])
        layer = torch.zeros(1, 4, HEIGHT, WIDTH).half()
        return [Snapshot(frame.index, frame.picture, layer) for frame in reversed(frames)]

    pipeline = pipeline_of(Pictures(given), stages(), **settings(**changes))
    with pipeline.frames(0, torch.device("cpu")) as frames:
        ahead = list(lookahead.look_ahead(frames, length, dream_backwards, age=0))
    assert [frame.index for frame, _ in ahead] == [*range(len(given))]
    assert all(dream is None or dream.age == frame.index for frame, dream in ahead)
    return found


def test_frames_are_grouped_within_a_shot() -> None:
    changes = {4: Change.FLASH, 13: Change.CUT}
    assert groups(SHOT, cuts=At(changes)) == [
        [0, 1, 2, 3, 5, 6, 7, 8],  # a flash is not part of it
        [9, 10, 11, 12],
        [*range(13, 21)],
        [21, 22, 23],
    ]


def test_frames_without_new_content_are_not_dreamt_twice() -> None:
    still = [picture.copy() for picture in [SHOT[0]] * 20]
    assert groups(still) == [[*range(8)]]  # the first frame of the shot is new
    assert groups([*still[:12], *SHOT[:12]], flow=part("flow", "none")) == [[*range(8)]]


def test_pictures_that_take_much_memory_are_fewer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lookahead, "LONGEST", 48)

    def length(height: int, width: int, times: int = 1, *, is_masked: bool = False) -> int:
        small, large = (Clip(height * k, width * k, Fraction(25)) for k in (1, times))
        return lookahead.group_length(lookahead.frame_bytes(small, large, is_masked=is_masked))

    assert groups(SHOT, length=0) == []
    assert length(272, 640) == 48
    assert 8 < length(1080, 1920, 2) < length(1080, 1920) < 48
    assert 8 < length(1080, 1920, 2, is_masked=True) < length(1080, 1920, 2)
    assert length(4000, 6000) == 8


def test_the_guide_and_the_settings_of_each_frame_are_used(gradient: Gradient) -> None:
    guides = [Guide(picture) for picture in SHOT[:3]]
    frames = [
        Frame(10 + k, 0.0, picture, guide=guide)
        for k, (picture, guide) in enumerate(zip(SHOT, guides, strict=False))
    ]
    pipeline = pipeline_of(Pictures(SHOT), stages(), model=gradient.model, passes=2)
    backwards = pipeline.backwards(frames)
    assert backwards.passes == 1
    assert backwards.clip.count == 3
    with backwards.frames(0, torch.device("cpu")) as made:
        shown = list(made)
    assert [frame.guide for frame in shown] == guides[::-1]
    assert [frame.index for frame in shown] == [12, 11, 10]  # as for stages_at
    assert all(map(np.array_equal, (one.picture for one in shown), SHOT[2::-1]))


def test_what_was_given_back_is_kept(gradient: Gradient) -> None:
    (*_, last) = dreams(gradient, SHOT[:4], **settings(passes=1))
    canvas = replace(
        last.canvas,
        maturity=torch.zeros_like(last.canvas.maturity),
        given=torch.ones_like(last.canvas.maturity),
    )
    assert last.frame.picture is not None
    dreamt = Snapshot(0, last.frame.picture, torch.ones(1, 4, HEIGHT, WIDTH).half())
    assert torch.equal(lookahead.give(canvas, dreamt).layer, canvas.layer)
    # where it was given back in part, it still counts more than another dream
    partly = replace(canvas, given=canvas.given / 2, layer=torch.zeros_like(canvas.layer))  # type: ignore[operator]
    assert float(lookahead.give(partly, dreamt).layer.max()) < 0.1
    nothing = replace(canvas, given=None, confidence=torch.zeros_like(canvas.maturity))
    assert torch.allclose(lookahead.give(nothing, dreamt).layer, torch.ones(()), atol=1e-3)
    for unused in (replace(nothing, follows_picture=False), replace(nothing, visibility=0.0)):
        assert lookahead.give(unused, dreamt) is unused
    assert lookahead.give(nothing, None) is nothing
