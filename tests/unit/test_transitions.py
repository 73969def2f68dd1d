"""pipeline.transitions: a dream fades with its picture, and leaves it in a dissolve."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
import torch
from helpers.rendering import CPU, Kept, dreams, start
from helpers.scenes import texture
from torch import Tensor

from pipeline.cuts import Change
from pipeline.frame import Picture, to_image
from pipeline.gradient import Gradient
from pipeline.imaging.sampling import pixel_grid
from pipeline.render import RenderedFrame
from pipeline.state import State
from pipeline.transitions import GROWING, Reference, Transition, begin, follow, in_flash

HEIGHT, WIDTH = 96, 160
ONE, OTHER = texture(HEIGHT, WIDTH, seed=1), texture(HEIGHT, WIDTH, seed=2)
BLACK, WHITE = np.zeros_like(ONE), np.full_like(ONE, 255)


def mixed(one: Picture, other: Picture, share: float) -> Picture:
    return np.rint((1 - share) * one.astype(float) + share * other).astype(np.uint8)


def dissolve(one: Picture, other: Picture, frames: int, before: int = 0) -> list[Picture]:
    """`before` frames of the one, and then so many frames until the other."""
    return [one] * before + [mixed(one, other, (k + 1) / frames) for k in range(frames)]


def followed(pictures: Sequence[Picture], confidence: float = 1.0) -> list[Transition]:
    """The transition of each picture, without motion."""
    positions = pixel_grid(HEIGHT, WIDTH, CPU)
    trusted = torch.full((1, 1, HEIGHT, WIDTH), confidence)
    found = [begin(to_image(pictures[0], CPU))]
    for picture in pictures[1:]:
        reference = found[-1].reference
        assert reference is not None
        found.append(follow(reference, to_image(picture, CPU), positions, trusted, "reflect"))
    return found


def layer(dreamt: RenderedFrame) -> Tensor:
    assert dreamt.canvas.picture is not None
    return dreamt.dream.image - dreamt.canvas.picture


def correlation(one: Tensor, other: Tensor) -> float:
    return float(torch.nn.functional.cosine_similarity(one.flatten(), other.flatten(), dim=0))


def is_unchanged(transition: Transition) -> bool:
    return (
        transition.visibility == transition.layer_factor == transition.level_factor == 1
        and not transition.is_new
    )


def test_in_a_shot_nothing_happens() -> None:
    noise = np.random.default_rng(0)
    shot = [(ONE + noise.normal(0, 3, ONE.shape)).clip(0, 255).astype(np.uint8) for _ in range(40)]
    assert all(map(is_unchanged, followed(shot)))


def test_a_small_change_of_exposure_changes_nothing() -> None:
    assert all(map(is_unchanged, followed(dissolve(ONE, mixed(ONE, BLACK, 0.15), 12, before=3))))


def test_content_that_is_not_trusted_is_no_transition() -> None:
    assert all(map(is_unchanged, followed([ONE] * 3 + [OTHER] * 3, confidence=0.0)))


@pytest.mark.parametrize("blank", [BLACK, WHITE], ids=["black", "white"])
def test_a_layer_fades_out_with_its_picture(blank: Picture) -> None:
    found = followed(dissolve(ONE, blank, 24, before=4))
    left = np.cumprod([one.layer_factor for one in found])
    share = np.array([1.0] * 4 + [1 - (k + 1) / 24 for k in range(24)])
    # small changes are not followed, so the layer keeps a share that is larger by that
    assert np.abs(left - np.minimum(1, share / 0.75)).max() < 0.08
    assert left[-1] == 0
    assert (np.diff(left) <= 1e-6).all()
    assert not any(one.is_new for one in found[:-1])  # the dream is the same until nothing is left
    assert found[-1].visibility == 0
    assert found[-1].is_new


def test_a_fade_in_begins_with_soft_steps_and_the_layer_grows_with_the_picture() -> None:
    found = followed([BLACK] * 2 + dissolve(BLACK, ONE, 24) + [ONE] * 3)
    visible = [one.visibility for one in found]
    assert visible[:2] == [0, 0]
    assert visible[-1] == 1
    assert (np.diff(visible) >= -1e-6).all()
    assert 0.02 < visible[3] < 0.3
    for k in range(6, 24):
        assert found[k + 2].layer_factor == pytest.approx((k + 1) / k, rel=0.05)
    assert is_unchanged(found[-1])


@pytest.mark.parametrize("frames", [8, 24, 48])
def test_a_dissolve_replaces_the_dream(frames: int) -> None:
    found = followed(dissolve(ONE, OTHER, frames, before=12) + [OTHER] * 20)
    left = np.cumprod([one.layer_factor for one in found])
    (new,) = (index for index, one in enumerate(found) if one.is_new)
    assert 12 + frames // 3 < new <= 12 + frames + 4
    assert left[new] == 0
    assert all(one.visibility == 1 for one in found[: 12 + frames // 3])
    grown = new + GROWING
    assert [one.visibility for one in found[new:grown]] == pytest.approx(
        [(k + 1) / GROWING for k in range(GROWING)]
    )
    assert all(one.visibility == 1 for one in found[grown:])
    assert is_unchanged(found[-1])


def test_a_blank_flash_hides_the_dream_and_another_one_does_not() -> None:
    reference = begin(to_image(ONE, CPU)).reference
    assert reference is not None
    blank, other = (in_flash(to_image(one, CPU), reference) for one in (WHITE, OTHER))
    assert (blank.layer_factor, blank.visibility) == (0, 0)
    assert is_unchanged(other)
    assert blank.reference is other.reference is reference


def test_a_rendered_dissolve_leaves_nothing_of_the_old_dream(gradient: Gradient) -> None:
    made = dreams(gradient, [*dissolve(ONE, OTHER, 24, before=10), *[OTHER] * 20])
    fresh = dreams(gradient, [OTHER] * 20)
    old = layer(made[9])
    assert correlation(layer(made[16]), old) > 0.9
    # the toy network draws partly the same over every picture
    assert correlation(layer(made[-8]), old) < correlation(layer(fresh[-1]), old) + 0.1
    gains = [
        float(gradient.score(one.dream.image) / gradient.score(to_image(OTHER, CPU)))
        for one in (made[-8], fresh[-1])
    ]
    assert gains[0] > 0.85 * gains[1]


def test_blank_frames_stay_exactly_as_they_are_and_cost_no_steps(gradient: Gradient) -> None:
    pictures = [*dissolve(ONE, BLACK, 8, before=3), *[BLACK] * 3, *dissolve(BLACK, OTHER, 8)]
    kept = Kept()
    made = list(start(gradient, pictures, recorder=kept))
    assert [one.dream.steps for one in made[10:14]] == [0] * 4
    for index in range(10, 14):
        assert np.array_equal(kept.pictures[index], pictures[index])
    strengths = [float(layer(one).std()) for one in made]
    changes = np.abs(np.diff(strengths))
    assert changes.max() < 0.35 * max(strengths)  # no jump
    assert strengths[-1] > 0.02


def test_a_cut_to_black_costs_no_steps(gradient: Gradient) -> None:
    class Cut:
        def __call__(self, pictures: Sequence[Picture]) -> object:
            for index, picture in enumerate(pictures):
                yield picture, Change.CUT if index == 2 else Change.NONE

    made = dreams(gradient, [ONE] * 2 + [BLACK] * 3, cuts=Cut())
    assert made[2].frame.cut
    assert [one.dream.steps for one in made[2:]] == [0] * 3


def test_a_dissolve_is_resumed_to_the_same_bits(gradient: Gradient) -> None:
    pictures = [*dissolve(ONE, OTHER, 12, before=3), *[OTHER] * 6]
    whole = Kept()
    list(start(gradient, pictures, recorder=whole))
    for index in (5, 10, 14):
        before: State = whole.states[index]
        assert isinstance(before.reference, Reference)
        rest = Kept(state=before)
        list(start(gradient, pictures, recorder=rest))
        assert all(map(np.array_equal, rest.pictures, whole.pictures[index + 1 :]))
