"""pipeline.flow: where each pixel was one frame ago, and how far that can be trusted."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
import torchvision
from helpers.scenes import pan, square_moved, texture
from helpers.stages import part

from pipeline.cuts import Change
from pipeline.errors import UserError
from pipeline.flow import Flow, parallel_flows, with_motion
from pipeline.flow.consistency import confidence
from pipeline.flow.downscale import flow_at_bounded_size
from pipeline.frame import Clip, FloatMap, Frame, Motion, Picture
from pipeline.imaging.flow_field import outside

RATE = Fraction(25)
FOUND = ["dis", "farneback"]
"""Flows that need no weights."""


def errors(flow: FloatMap, true: FloatMap) -> FloatMap:
    """The end-point error at each pixel, (H, W), in pixels."""
    lengths: FloatMap = np.linalg.norm(flow - true, axis=2).astype(np.float32)
    return lengths


def noisy(picture: Picture, seed: int) -> Picture:
    """The picture with the noise of a good camera, 2 of 255."""
    noise = np.random.default_rng(seed).normal(0, 2, picture.shape)
    return np.clip(picture + noise, 0, 255).astype(np.uint8)


@pytest.mark.parametrize(("name", "error"), [("dis", 0.03), ("farneback", 0.3)])
@pytest.mark.parametrize("velocity", [(3, 2), (-5, 1)])
def test_a_moving_square_is_followed_backward(
    name: str, error: float, velocity: tuple[int, int]
) -> None:
    current, previous, true, known = square_moved(size=160, side=64, velocity=velocity)
    motion = part("flow", name)(current, previous)
    assert motion.flow.shape == (160, 160, 2)
    assert motion.flow.dtype == motion.confidence.dtype == np.float32
    assert (motion.confidence.min(), motion.confidence.max()) == (0, 1)
    # 17 pixels, a window and a bit, so that 8 at the square's edge are left out.
    inside = cv2.erode(np.float32((true != 0).any(axis=2)), np.ones((17, 17))) > 0
    assert errors(motion.flow, true)[inside].mean() < 0.03
    # At the edge Farneback's window smears the motion of the square over the ground; DIS holds.
    trusted = motion.confidence > 0.5
    assert trusted[known > 0].mean() > 0.85
    assert errors(motion.flow, true)[trusted & (known > 0)].mean() < error


@pytest.mark.parametrize(
    ("name", "most"),
    # Smeared over the edge, Farneback's two flows agree on a part of the ground they never saw.
    [("dis", 0.05), ("farneback", 0.7)],
)
def test_ground_that_was_hidden_is_not_trusted(name: str, most: float) -> None:
    current, previous, _, known = square_moved(size=160, side=64, velocity=(8, 0))
    motion = part("flow", name)(current, previous)
    hidden = known == 0
    assert hidden.sum() == 8 * 64
    assert motion.confidence[hidden].mean() < most
    assert motion.confidence[~hidden].mean() > 0.85


@pytest.mark.parametrize("name", FOUND)
def test_what_comes_in_over_the_edge_is_not_trusted(name: str) -> None:
    previous, current = pan(2, height=120, width=160, velocity=(6, 0))
    motion = part("flow", name)(current, previous)
    # current[y, x] was previous[y, x + 6]: beyond the right edge for the last six columns. The
    # flow there is a guess, so the column at the very border may miss by one.
    assert motion.confidence[:, -5:].max() == 0
    assert motion.confidence[8:-8, 8:-16].mean() > 0.95
    assert errors(motion.flow, np.float32([6, 0]))[8:-8, 8:-16].mean() < 0.1


@pytest.mark.parametrize("name", FOUND)
def test_still_ground_is_trusted_even_through_a_cameras_noise(name: str) -> None:
    ground = texture(120, 160, seed=3)
    motion = part("flow", name)(noisy(ground, 1), noisy(ground, 2))
    assert np.abs(motion.flow).mean() < 0.1
    assert motion.confidence.mean() > 0.97


@pytest.mark.parametrize("name", FOUND)
def test_nothing_moves_between_a_picture_and_itself(name: str) -> None:
    ground = texture(120, 160, seed=3)
    motion = part("flow", name)(ground, ground)
    # Farneback's window looks beyond the edge, where the pictures seem to differ.
    assert np.abs(motion.flow[20:-20, 20:-20]).max() < 0.01
    assert motion.confidence.min() == 1


@pytest.mark.parametrize("name", FOUND)
@pytest.mark.parametrize("shape", [(34, 90), (90, 34)])
def test_pictures_narrow_and_flat_are_no_trouble(name: str, shape: tuple[int, int]) -> None:
    motion = part("flow", name)(
        np.full((*shape, 3), 9, np.uint8), np.full((*shape, 3), 9, np.uint8)
    )
    assert motion.flow.shape == (*shape, 2)
    assert bool(np.isfinite(motion.flow).all())
    assert motion.confidence.shape == shape


@pytest.mark.parametrize("name", FOUND)
def test_a_large_picture_is_halved_and_its_flow_doubled(name: str) -> None:
    previous, current = pan(2, height=160, width=202, velocity=(8, -4))
    # A fifth of the pixels: one halving leaves a quarter, so it takes two.
    motion = part("flow", name, most_pixels=160 * 202 // 5)(current, previous)
    assert motion.flow.shape == (160, 202, 2)
    assert motion.confidence.shape == (160, 202)
    # A pixel of the quartered picture is four; a tenth of one is 0.4.
    error = errors(motion.flow, np.float32([8, -4]))[24:-24, 24:-24]
    assert error.mean() < 0.4
    assert motion.confidence[24:-24, 24:-24].mean() > 0.9


def test_both_sides_of_an_odd_picture_keep_their_own_scale() -> None:
    def pair(current: Picture, previous: Picture) -> tuple[FloatMap, FloatMap]:
        assert current.shape == previous.shape == (50, 75, 3)
        flow = np.ones((50, 75, 2), np.float32)
        return flow, -flow

    grey = np.zeros((101, 151, 3), np.uint8)
    motion = flow_at_bounded_size(grey, grey, pair, most_pixels=50 * 75)
    np.testing.assert_allclose(motion.flow[0, 0], [151 / 75, 101 / 50], rtol=1e-6)


def test_there_and_back_to_another_place_is_not_trusted() -> None:
    there = np.zeros((9, 9, 2), np.float32)
    back = np.zeros((9, 9, 2), np.float32)
    back[4, 4] = 2, 0  # 4 square pixels off, where half a one is allowed
    trusted = confidence(there, back)
    assert trusted[4, 4] == 0
    assert trusted.sum() == 80


def test_a_motion_boundary_is_not_trusted_and_a_slow_zoom_is() -> None:
    there = np.zeros((9, 20, 2), np.float32)
    there[:, 10:] = 3, 0
    assert confidence(there, np.zeros_like(there))[4, 9:11].max() == 0
    y, x = np.mgrid[:100, :100].astype(np.float32) - 49.5
    zoom = -0.05 * np.stack([x, y], axis=2)
    assert confidence(zoom, -zoom / 0.95)[1:-1, 1:-1].min() == 1


def test_outside_begins_half_a_pixel_beyond_the_last_centre() -> None:
    flow = np.zeros((1, 3, 2), np.float32)
    flow[0, :, 0] = -0.4, 0, 0.4
    assert not outside(flow).any()
    flow[0, :, 0] = -0.6, 0, 0.6
    assert outside(flow).tolist() == [[True, False, True]]


def told(picture: int) -> Picture:
    return np.full((4, 4, 3), picture, np.uint8)


class Remembering:
    """A flow that notes which pictures it was asked about, by their brightness."""

    def __init__(self) -> None:
        self.asked: list[tuple[int, int]] = []

    def __call__(self, current: Picture, previous: Picture) -> Motion:
        self.asked.append((int(current[0, 0, 0]), int(previous[0, 0, 0])))
        return Motion(np.zeros((4, 4, 2), np.float32), np.ones((4, 4), np.float32))


def frames(flow: Flow, changes: Iterable[Change]) -> list[Frame]:
    return list(with_motion(((told(i), c) for i, c in enumerate(changes)), flow, RATE))


def test_every_frame_moves_against_the_one_before_it_but_the_first() -> None:
    flow = Remembering()
    made = frames(flow, [Change.NONE] * 3)
    assert flow.asked == [(1, 0), (2, 1)]
    assert [frame.motion is None for frame in made] == [True, False, False]
    assert [frame.index for frame in made] == [0, 1, 2]
    assert [frame.time for frame in made] == [0, 0.04, 0.08]
    assert all(set(frame.spans) == {"decode", "flow"} for frame in made)


def test_nothing_moves_across_a_cut() -> None:
    flow = Remembering()
    made = frames(flow, [Change.NONE, Change.NONE, Change.CUT, Change.NONE])
    assert flow.asked == [(1, 0), (3, 2)]
    assert [frame.cut for frame in made] == [False, False, True, False]
    assert made[2].motion is None


def test_behind_a_flash_the_shot_moves_against_what_was_before_it() -> None:
    flow = Remembering()
    made = frames(flow, [Change.NONE, Change.NONE, Change.FLASH, Change.FLASH, Change.NONE])
    assert flow.asked == [(1, 0), (4, 1)]
    assert [frame.flash for frame in made] == [False, False, True, True, False]
    assert made[2].motion is made[3].motion is None


@pytest.mark.parametrize("most", [0, 1, 3])
def test_pictures_are_asked_for_as_they_are_needed(most: int) -> None:
    taken = []

    def source() -> Iterable[tuple[Picture, Change]]:
        for index in range(9):
            taken.append(index)
            yield told(index), Change.NONE

    made = with_motion(source(), Remembering(), RATE, at_once=most)
    next(made)
    assert taken == list(range(max(1, most)))
    next(made)
    assert taken == list(range(max(1, most) + 1))


class Meeting:
    """A flow that is done only once so many are under way; the later ones before the earlier."""

    def __init__(self, count: int) -> None:
        self.barrier = threading.Barrier(count)

    def __call__(self, current: Picture, previous: Picture) -> Motion:
        self.barrier.wait(timeout=20)
        time.sleep(0.02 * (20 - int(current[0, 0, 0])) / 20)
        return Motion(np.full((4, 4, 2), current[0, 0, 0], np.float32), np.ones((4, 4), np.float32))


def test_flows_are_found_side_by_side_and_come_in_order() -> None:
    pictures = [(told(i), Change.NONE) for i in range(13)]
    made = list(with_motion(pictures, Meeting(4), RATE, start=1, at_once=4))
    assert [frame.index for frame in made] == list(range(1, 13))
    for frame in made:
        assert frame.motion is not None
        assert frame.motion.flow[0, 0, 0] == frame.index


@pytest.mark.parametrize("most", [1, 2, 4])
def test_real_flows_are_the_same_side_by_side(most: int) -> None:
    pictures = [(picture, Change.NONE) for picture in pan(6, height=64, width=96, velocity=(2, 1))]
    flow = part("flow", "dis")
    ones = list(with_motion(pictures, flow, RATE))
    others = list(with_motion(pictures, flow, RATE, at_once=most))
    for one, other in zip(ones[1:], others[1:], strict=True):
        assert one.motion is not None
        assert other.motion is not None
        assert np.array_equal(one.motion.flow, other.motion.flow)
        assert np.array_equal(one.motion.confidence, other.motion.confidence)


@pytest.mark.parametrize("most", [0, 1, 3])
def test_what_comes_before_a_broken_picture_is_given(most: int) -> None:
    def source() -> Iterable[tuple[Picture, Change]]:
        for index in range(5):
            yield told(index), Change.NONE
        raise ValueError("broken")

    made = with_motion(source(), Remembering(), RATE, at_once=most)
    assert [next(made).index for _ in range(5)] == [0, 1, 2, 3, 4]
    with pytest.raises(ValueError, match="broken"):
        next(made)


class Broken:
    """A flow that fails at a picture."""

    def __call__(self, current: Picture, previous: Picture) -> Motion:
        if current[0, 0, 0] == 2:
            raise ValueError("no flow")
        return Motion(np.zeros((4, 4, 2), np.float32), np.ones((4, 4), np.float32))


@pytest.mark.parametrize("most", [0, 1, 4])
def test_a_flow_that_fails_ends_it_at_its_frame(most: int) -> None:
    made = with_motion([(told(i), Change.NONE) for i in range(6)], Broken(), RATE, at_once=most)
    assert [next(made).index for _ in range(2)] == [0, 1]
    with pytest.raises(ValueError, match="no flow"):
        next(made)
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("flow")]


def test_a_cpu_that_dreams_has_no_core_to_spare(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch, "get_num_threads", lambda: 16)
    gpu, cpu = torch.device("cuda"), torch.device("cpu")
    assert parallel_flows(Clip(1080, 1920, RATE), cpu) == 0
    assert parallel_flows(Clip(1080, 1920, RATE), gpu) == 8
    assert parallel_flows(Clip(2160, 3840, RATE), gpu) == 2  # each holds hundreds of MB
    assert parallel_flows(Clip(8192, 8192, RATE), gpu) == 1
    monkeypatch.setattr(torch, "get_num_threads", lambda: 4)
    assert parallel_flows(Clip(1080, 1920, RATE), gpu) == 2  # the others decode, and tell the GPU
    monkeypatch.setattr(torch, "get_num_threads", lambda: 1)
    assert parallel_flows(Clip(1080, 1920, RATE), gpu) == 1


@pytest.mark.parametrize("most", [1, 3])
def test_side_by_side_each_has_a_core_until_they_are_done(most: int) -> None:
    before = cv2.getNumThreads()
    made = with_motion([(told(i), Change.NONE) for i in range(6)], Remembering(), RATE,
                       at_once=most)  # fmt: skip
    next(made)
    assert cv2.getNumThreads() == (before if most == 1 else 1)
    list(made)
    assert cv2.getNumThreads() == before


def test_no_flow_says_that_nothing_moved() -> None:
    assert part("flow", "none")(told(1), told(0)) is None


@pytest.fixture
def raft(hub: Path) -> Any:
    """RAFT with random weights: it finds nothing, but all of it runs."""
    models = torchvision.models.optical_flow
    torch.manual_seed(0)
    weights = models.Raft_Small_Weights.DEFAULT
    torch.save(models.raft_small(weights=None).state_dict(), hub / Path(weights.url).name)
    return part("flow", "raft", updates=1)


@pytest.mark.parametrize("shape", [(132, 150), (40, 64)])
def test_raft_runs_on_any_size(raft: Any, shape: tuple[int, int]) -> None:
    motion = raft(texture(*shape, seed=1), texture(*shape, seed=2))
    assert motion.flow.shape == (*shape, 2)
    assert motion.confidence.shape == shape
    assert motion.flow.dtype == motion.confidence.dtype == np.float32
    assert bool(np.isfinite(motion.flow).all())


@pytest.mark.parametrize("size", ["small", "large"])
def test_raft_without_weights_fails_when_it_is_made_and_says_what_to_do(
    size: str, hub: Path
) -> None:
    with pytest.raises(UserError, match=r"^flow: .*flow=dis, which needs no download$") as error:
        part("flow", "raft", size=size)
    assert str(hub) in str(error.value)


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("dis", {"patch_size": 0}),
        ("dis", {"finest_scale": -1}),
        ("farneback", {"levels": 0}),
        ("farneback", {"neighbourhood": 9}),
        ("raft", {"size": "huge"}),
    ],
)
def test_settings_out_of_range_are_refused(name: str, changes: dict[str, object]) -> None:
    with pytest.raises(UserError, match=next(iter(changes))):
        part("flow", name, **changes)
