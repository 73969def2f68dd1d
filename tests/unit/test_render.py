"""pipeline.render: each dream stands on the last one, and the same settings give the same dream."""

from __future__ import annotations

import threading
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from helpers.rendering import CPU, HEIGHT, WIDTH, At, Kept, Pictures, dreams, start
from helpers.scenes import pan, texture
from helpers.stages import octaves, part, stages
from torch import Tensor

from pipeline.cuts import Change
from pipeline.errors import UserError
from pipeline.frame import Frame, Motion, Picture, to_image, to_picture
from pipeline.gradient import Gradient
from pipeline.imaging.metrics import band_energy, flicker
from pipeline.imaging.sampling import sample
from pipeline.recording.checkpoint import digest
from pipeline.render import RenderedFrame, frame_rng
from pipeline.seamless_loop import SeamlessLoop
from pipeline.stages import Stages
from pipeline.state import State
from pipeline.warp import Warp

TEXTURE = texture(HEIGHT, WIDTH, seed=9)


@dataclass(frozen=True)
class Known:
    """The same motion everywhere, known beforehand."""

    velocity: tuple[int, int]

    def __call__(self, current: Picture, previous: Picture) -> Motion:
        flow = np.broadcast_to(np.float32(self.velocity), (HEIGHT, WIDTH, 2)).copy()
        return Motion(flow, np.ones((HEIGHT, WIDTH), np.float32))


def layer(dreamt: RenderedFrame) -> Tensor:
    return dreamt.dream.image - dreamt.canvas.picture


def along(made: list[RenderedFrame], velocity: tuple[int, int], index: int) -> float:
    """How much the layer of a frame flickers along this motion, away from the edges."""
    y, x = torch.meshgrid(torch.arange(HEIGHT), torch.arange(WIDTH), indexing="ij")
    centre = torch.tensor([(WIDTH - 1) / 2, (HEIGHT - 1) / 2])
    positions = torch.stack([x, y], dim=-1)[None] - centre + torch.tensor(velocity)
    inner = torch.zeros(1, 1, HEIGHT, WIDTH)
    inner[..., 8:-8, 8:-8] = 1
    return float(flicker(layer(made[index]), sample(layer(made[index - 1]), positions), inner))


def test_every_frame_is_dreamt_recorded_and_yielded_in_order(gradient: Gradient) -> None:
    kept, pictures = Kept(), pan(6, height=HEIGHT, width=WIDTH, velocity=(2, 0))
    made = []
    for dreamt in start(gradient, pictures, recorder=kept):
        assert len(kept.pictures) == dreamt.frame.index + 1  # recorded before it is shown
        assert not kept.finished
        made.append(dreamt)
    assert kept.finished
    assert [dreamt.frame.index for dreamt in made] == list(range(6))
    for dreamt, picture, recorded in zip(made, pictures, kept.pictures, strict=True):
        assert dreamt.frame.picture is picture
        assert np.array_equal(recorded, to_picture(dreamt.dream.image))
        assert set(dreamt.spans) == {"decode", "flow", "wait", "warp", "dream", "encode"}
        assert all(begin <= end for begin, end in dreamt.spans.values())


def test_a_still_scene_gives_a_still_dream(gradient: Gradient) -> None:
    made = dreams(gradient, [TEXTURE] * 14)
    # 0.002 is half of the best that was measured with a moving camera.
    assert max(along(made, (0, 0), index) for index in range(10, 14)) < 0.002
    assert gradient.score(made[-1].dream.image) > 1.3 * gradient.score(to_image(TEXTURE, CPU))


def test_the_dream_sticks_to_what_moves(gradient: Gradient) -> None:
    velocity = (2, -1)
    pictures = pan(9, height=HEIGHT, width=WIDTH, velocity=velocity)
    carried = dreams(gradient, pictures, flow=Known(velocity))
    left = dreams(gradient, pictures)
    with_flow, without = along(carried, velocity, 8), along(left, velocity, 8)
    # The measured best is 0.005 with a real network; carried to the wrong place it is over 0.3.
    assert with_flow < 0.03
    assert without > 10 * with_flow


def test_a_real_flow_makes_it_stick_as_well(gradient: Gradient) -> None:
    velocity = (2, -1)
    pictures = pan(9, height=HEIGHT, width=WIDTH, velocity=velocity)
    assert along(dreams(gradient, pictures, flow=part("flow", "dis")), velocity, 8) < 0.05


def test_without_persistence_every_frame_starts_from_its_picture(gradient: Gradient) -> None:
    for dreamt in dreams(
        gradient,
        [TEXTURE] * 3,
        warp=Warp(
            persistence=0, least_kept=0, border="reflect", transitions=False, renewal_per_second=0
        ),
    ):
        assert torch.equal(dreamt.canvas.image, dreamt.canvas.picture)


def test_two_renders_of_the_same_give_the_same_bits(gradient: Gradient) -> None:
    pictures = pan(4, height=HEIGHT, width=WIDTH, velocity=(3, 1))
    once, again, other = Kept(), Kept(), Kept()
    dreams(gradient, pictures, recorder=once)
    dreams(gradient, pictures, recorder=again)
    dreams(gradient, pictures, recorder=other, seed=1)
    assert np.array_equal(once.pictures, again.pictures)
    assert not np.array_equal(once.pictures, other.pictures)


@pytest.mark.parametrize("behind", [1, 4, 5])
def test_gone_on_with_from_a_state_the_same_bits_come_out(gradient: Gradient, behind: int) -> None:
    pictures = pan(9, height=HEIGHT, width=WIDTH, velocity=(3, 1))
    changes = {"cuts": At({3: Change.CUT, 4: Change.FLASH}), "flow": part("flow", "dis")}
    changes["loop"] = SeamlessLoop(2, 9)
    whole = Kept()
    dreams(gradient, pictures, recorder=whole, **changes)
    rest = Kept(state=whole.states[behind - 1])
    made = dreams(gradient, pictures, recorder=rest, **changes)
    assert [dreamt.frame.index for dreamt in made] == list(range(behind, 9))
    # the last states are alike to the last bit, and so is all that was still to be shown
    assert digest(rest.states[-1]) == digest(whole.states[-1])
    assert np.array_equal(rest.pictures, whole.pictures[-len(rest.pictures) :])
    assert len(rest.pictures) == 7 - max(0, behind - 4)  # two begin it, two are held back


def test_without_a_dreamer_the_pictures_pass_bit_for_bit(gradient: Gradient) -> None:
    kept, pictures = Kept(), pan(5, height=HEIGHT, width=WIDTH, velocity=(4, 2))
    changes = {"dreamer": part("dreamer", "none"), "flow": Known((4, 2)), "recorder": kept}
    dreams(gradient, pictures, **changes)
    assert np.array_equal(kept.pictures, pictures)


def test_behind_a_cut_the_dream_starts_afresh(gradient: Gradient) -> None:
    first, second = [TEXTURE] * 3, [texture(HEIGHT, WIDTH, seed=4)] * 3
    made = dreams(gradient, first + second, cuts=At({3: Change.CUT}))
    afresh = dreams(gradient, second)
    for behind, fresh in zip(made[3:], afresh, strict=True):
        assert torch.equal(behind.dream.image, fresh.dream.image)
    assert made[3].canvas.positions is None


def test_behind_a_flash_the_dream_goes_on(gradient: Gradient) -> None:
    flash = np.full_like(TEXTURE, 255)
    given = [TEXTURE, TEXTURE, flash, TEXTURE]
    made = dreams(gradient, given, cuts=At({2: Change.FLASH}))
    assert made[2].state.dream is made[1].state.dream
    assert made[2].state.index == 3
    # Of the white picture nothing is left: the canvas is the last dream but for its persistence.
    expected = made[1].canvas.picture + part("warp", "layer").persistence * layer(made[1])
    torch.testing.assert_close(made[3].canvas.image, expected, atol=1e-5, rtol=0)
    assert made[3].dream.steps < made[0].dream.steps / 2


def test_the_camera_is_told_the_time_and_the_rate(gradient: Gradient) -> None:
    asked = []

    def camera(positions: Tensor, time: float, rate: float) -> Tensor:
        asked.append((time, rate))
        return positions

    dreams(gradient, [TEXTURE] * 3, camera=camera)
    assert asked == [(0.0, 25.0), (0.04, 25.0), (0.08, 25.0)]


def test_an_error_of_the_source_arrives_behind_the_frames_before_it(gradient: Gradient) -> None:
    kept = Kept()
    source = Pictures([TEXTURE] * 2, error=UserError("input: broke"))
    frames = start(gradient, source, recorder=kept)
    assert [next(frames).frame.index, next(frames).frame.index] == [0, 1]
    with pytest.raises(UserError, match="input: broke"):
        next(frames)
    assert not kept.finished


def test_who_stops_early_leaves_no_thread_and_nothing_finished(gradient: Gradient) -> None:
    kept = Kept()
    frames = start(gradient, [TEXTURE] * 50, recorder=kept)
    next(frames)
    frames.close()
    assert not kept.finished
    assert "prefetch" not in {thread.name for thread in threading.enumerate()}


def test_pictures_too_small_for_the_network_are_refused_before_any_is_read(
    gradient: Gradient,
) -> None:
    source = Pictures([texture(8, 64, seed=0)], error=AssertionError("it was read"))
    with pytest.raises(UserError, match=r"at least 16 pixels each .* got 64x8"):
        next(start(gradient, source))


def test_every_frame_of_a_shot_has_its_own_jitter_and_every_shot_the_same() -> None:
    def drawn(index: int, age: int, *, cut: bool = False, filmed: bool = True) -> int:
        frame = Frame(index, 0.0, TEXTURE if filmed else None, cut=cut)
        return frame_rng(3, frame, State(index, age=age)).initial_seed()

    assert len({drawn(index, age=index) for index in range(50)}) == 50
    # a shot is dreamt as if it stood alone: the count begins with it
    assert drawn(40, age=40, cut=True) == drawn(0, age=0)
    assert drawn(47, age=7) == drawn(7, age=7)
    # a dream that feeds on itself has no shots
    assert drawn(7, age=0, filmed=False) == drawn(7, age=7, filmed=False)


def test_the_age_of_a_shot_is_counted_from_its_cut_and_not_in_a_flash(gradient: Gradient) -> None:
    cuts = At({2: Change.FLASH, 4: Change.CUT})
    made = dreams(gradient, [TEXTURE] * 7, cuts=cuts)
    assert [dreamt.state.age for dreamt in made] == [1, 2, 2, 3, 1, 2, 3]


def test_a_layer_is_kept_at_the_level_of_its_shot(gradient: Gradient) -> None:
    def energies(governor: str) -> Tensor:
        made = dreams(gradient, [TEXTURE] * 40, governor=part("governor", governor))
        everywhere = torch.ones(1, 1, HEIGHT, WIDTH)
        return torch.stack([band_energy(layer(dreamt), everywhere) for dreamt in made])

    level, free = energies("level"), energies("none")
    # Without a governor every band grows to three times its energy and more in 40 frames. The toy
    # network's gradient has hardly any fine waves: what there is of them is each frame's own.
    assert float((free[-1] / free[0]).min()) > 3
    assert float((level[5:, 1:] / level[0, 1:] - 1).abs().max()) < 0.2
    assert float((level[5:, 0] / level[0, 0] - 1).abs().max()) < 0.5


def test_while_its_settings_change_the_dream_grows_as_they_say(gradient: Gradient) -> None:
    """A dream that is to come out of nothing would else be kept at nothing."""

    def stages_at(index: int) -> Stages:
        size = min(index, 10) * 0.004
        return stages(
            governor="level",
            dreamer=octaves(step_size=size, upkeep_step_size=size, entering_step_size=size),
            objective=gradient.objective,
        )

    made = dreams(gradient, [TEXTURE] * 20, stages_at=stages_at)
    deviations = [float(layer(dreamt).std()) for dreamt in made]
    assert deviations[0] < 0.001
    assert deviations[10] > 0.02
    # and as strong as it was when they ceased to change, it stays
    assert deviations[19] == pytest.approx(deviations[11], rel=0.2)
    assert [dreamt.steady for dreamt in made[8:13]] == [False, False, False, True, True]
