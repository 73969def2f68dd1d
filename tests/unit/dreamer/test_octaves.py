"""pipeline.dreamer: work where something is new, and none of it lost on the way."""

from __future__ import annotations

import math
from collections import Counter
from itertools import pairwise

import pytest
import torch
from helpers.dreaming import HEIGHT, MATURE, NEW, WIDTH, Watched, dream, grey, image
from helpers.stages import octaves
from torch import Tensor

from pipeline.canvas import Strength
from pipeline.dreamer.ascent import roll
from pipeline.dreamer.gradient_filters import cascade_kernel
from pipeline.dreamer.none import Nothing
from pipeline.errors import UserError
from pipeline.gradient import Gradient
from pipeline.imaging.convolution import depthwise_conv


def test_the_score_rises_on_the_first_frame_and_keeps_up_on_a_carried_one(
    gradient: Gradient,
) -> None:
    first = dream(octaves(), gradient)
    assert gradient.score(first.image) > 1.3 * gradient.score(image())
    second = dream(octaves(), gradient, start=first.image, maturity=first.maturity, index=1)
    assert gradient.score(second.image) > gradient.score(first.image)


def test_the_first_frame_spends_all_iterations_in_every_octave() -> None:
    gradient = Watched()
    made = dream(octaves(octaves=3, octave_scale=2, iterations=5), gradient)
    assert gradient.sizes == {(12, 16): 5, (24, 32): 5, (48, 64): 5}
    # From the smallest to the largest, and each counted by its area.
    assert [picture.shape[2] for picture in gradient.images] == [12] * 5 + [24] * 5 + [48] * 5
    assert made.steps == pytest.approx(5 * (1 / 16 + 1 / 4 + 1))


def test_a_mature_frame_is_only_kept_up() -> None:
    gradient = Watched()
    made = dream(octaves(octaves=3, upkeep_iterations=2), gradient, maturity=MATURE)
    assert gradient.sizes == {(HEIGHT, WIDTH): 2}
    assert made.steps == 2


def test_without_upkeep_a_mature_frame_costs_nothing_and_stays() -> None:
    gradient = Watched()
    made = dream(octaves(upkeep_iterations=0), gradient, maturity=MATURE)
    assert gradient.images == []
    assert made.steps == 0
    assert torch.equal(made.image, image())


def test_what_enters_is_dreamt_in_the_smaller_octaves_in_turns() -> None:
    entering = MATURE.clone()
    entering[..., :6] = 0  # a tenth of the frame
    dreamer = octaves(octaves=3, octave_scale=2, upkeep_iterations=1, entering_iterations=2)
    for index, smaller in [(0, (12, 16)), (1, (24, 32)), (2, (12, 16))]:
        gradient = Watched()
        dream(dreamer, gradient, maturity=entering, index=index)
        assert gradient.sizes == {smaller: 2, (48, 64): 1}


def test_smaller_sizes_have_a_factor_of_their_own(gradient: Gradient) -> None:
    entering = torch.full_like(MATURE, 0.9)  # too little for full iterations
    dreamer = octaves(octaves=2, octave_scale=2, upkeep_iterations=0, entering_iterations=2)
    none, one = torch.zeros(()), torch.ones(())
    start = 0.25 + 0.5 * image()  # nothing is clamped
    added = []
    for strength in (Strength(one, none), Strength(none, one), Strength(none, 3 * one)):
        made = dream(dreamer, gradient, start=start, maturity=entering, strength=strength)
        added.append(float((made.image - start).std()))
    assert added[0] < 1e-6
    assert added[2] == pytest.approx(3 * added[1], rel=0.2)


def test_the_work_follows_what_is_new() -> None:
    half = MATURE.clone()
    half[..., : WIDTH // 2] = 0
    steps = [dream(octaves(), Watched(), maturity=m).steps for m in (MATURE, half, NEW)]
    assert steps[0] < steps[1] < steps[2]


def test_the_dream_matures_at_once_where_all_is_new_and_by_steps_where_it_is_carried() -> None:
    assert float(dream(octaves(), Watched()).maturity.min()) == 1
    entering = MATURE.clone()
    entering[..., :2] = 0
    entering[..., 2:4] = 0.95
    grown = dream(octaves(octaves=3, settling_frames=10), Watched(), maturity=entering).maturity
    torch.testing.assert_close(grown[..., :2], torch.full((1, 1, HEIGHT, 2), 0.1))
    assert float(grown[..., 2:].min()) == float(grown.max()) == 1


def test_the_same_randomness_gives_the_same_bits(gradient: Gradient) -> None:
    once = dream(octaves(), gradient, seed=7).image
    assert torch.equal(once, dream(octaves(), gradient, seed=7).image)
    assert not torch.equal(once, dream(octaves(), gradient, seed=8).image)


def test_a_step_is_as_far_as_its_size_says() -> None:
    one = octaves(octaves=1, iterations=1, upkeep_iterations=0, smoothing=0, step_size=0.02)
    change = dream(one, Watched(), start=grey()).image - grey()
    assert float(change.std()) == pytest.approx(0.02, rel=1e-3)


def test_what_is_mature_goes_by_the_smaller_step() -> None:
    half = MATURE.clone()
    half[..., WIDTH // 2 :] = 0
    one = octaves(octaves=1, smoothing=0, step_size=0.01, upkeep_step_size=0.004)
    change = dream(one, Watched(), start=grey(), maturity=half).image - grey()
    mature, new = change.split(WIDTH // 2, dim=3)
    # 4608 independent values a half: their deviation is known to one in a hundred.
    assert float(mature.std() / new.std()) == pytest.approx(0.4, rel=0.05)


def test_the_jitter_is_undone_before_a_step_is_made() -> None:
    def contrast(image: Tensor) -> tuple[Tensor, Tensor]:
        return image - 0.5, torch.tensor(0.0)

    rolled, straight = Watched(contrast), Watched(contrast)
    moved = dream(octaves(smoothing=0, jitter=8), rolled)
    kept = dream(octaves(smoothing=0, jitter=0), straight)
    # Such a gradient moves with its image. 1e-5: the deviation is summed in another order.
    torch.testing.assert_close(moved.image, kept.image, atol=1e-5, rtol=0)
    assert not torch.equal(rolled.images[0], straight.images[0])


def test_smaller_octaves_are_rolled_less() -> None:
    def corner(image: Tensor) -> tuple[Tensor, Tensor]:
        return torch.zeros_like(image), torch.tensor(0.0)

    marked = torch.zeros(1, 3, HEIGHT, WIDTH)
    marked[..., 24, 32] = 1
    gradient = Watched(corner)
    dream(octaves(octaves=2, octave_scale=4, jitter=8, iterations=60), gradient, start=marked)
    rolls: dict[int, set[int]] = {12: set(), 48: set()}
    for picture in gradient.images:
        height, width = picture.shape[2:]
        row = int(picture[0, 0].argmax()) // width
        rolls[height].add(abs(row - height // 2))
    # 60 draws among 17 and 5 shifts miss the largest two once in a thousand tries.
    assert max(rolls[48]) == 8
    assert max(rolls[12]) <= 2 + 1  # the mark itself lies between two rows of the small octave


def test_without_a_gradient_the_picture_stays_as_sharp_as_it_was() -> None:
    def flat(image: Tensor) -> tuple[Tensor, Tensor]:
        return torch.zeros_like(image), torch.tensor(0.0)

    # Away from black and white, which resizing overshoots; 1e-6 is float32's rounding.
    middling = 0.25 + image() / 2
    made = dream(octaves(), flat, start=middling).image
    torch.testing.assert_close(made, middling, atol=1e-6, rtol=0)


def test_an_evenly_grey_picture_gives_a_dream_and_no_nan(gradient: Gradient) -> None:
    made = dream(octaves(), gradient, start=grey()).image
    assert bool(made.isfinite().all())
    assert float(made.std()) > 0


@pytest.mark.parametrize("level", [0.0, 1.0])
def test_the_dream_stays_in_the_range_of_a_picture(level: float) -> None:
    made = dream(octaves(step_size=1), Watched(), start=torch.full_like(grey(), level)).image
    assert (float(made.min()), float(made.max())) == (0, 1)


def test_a_dreamer_that_fits_stays_as_it_is() -> None:
    dreamer = octaves(octaves=3, octave_scale=2)
    assert dreamer.fit(height=64, width=90, smallest_side=16) == dreamer


def test_octaves_too_small_for_the_network_are_left_out() -> None:
    fitted = octaves(octaves=4, octave_scale=2).fit(height=64, width=90, smallest_side=17)
    assert fitted == octaves(octaves=2, octave_scale=2)  # 64 and 32; 16 would be too small


def test_a_picture_too_small_for_the_network_is_refused() -> None:
    with pytest.raises(
        UserError, match=r"at least 16 pixels each .* got 90x12; set a larger width"
    ):
        octaves().fit(height=12, width=90, smallest_side=16)


def test_no_dreamer_leaves_everything_as_it_is() -> None:
    gradient = Watched()
    made = dream(Nothing(), gradient, maturity=MATURE * 0.5)
    assert torch.equal(made.image, image())
    assert made.steps == 0
    assert gradient.images == []
    assert Nothing().fit(height=1, width=1, smallest_side=100) == Nothing()


@pytest.mark.parametrize("sigma", [0.1, 0.5, 3.0])
def test_a_smoothing_kernel_is_round_and_takes_nothing_away(sigma: float) -> None:
    kernel = cascade_kernel(sigma, torch.device("cpu"))
    assert float(kernel.sum()) == pytest.approx(1, rel=1e-5)
    torch.testing.assert_close(kernel, kernel.T)
    torch.testing.assert_close(kernel, kernel.flip(0))
    even = torch.full((1, 3, 40, 50), 0.3)
    torch.testing.assert_close(depthwise_conv(even, kernel, "reflect"), even)


def test_smoothing_takes_fine_noise_and_leaves_broad_shapes() -> None:
    x = torch.arange(64.0)
    for wave, left in [(2, (0.0, 0.35)), (32, (0.85, 1.0))]:  # pixels, share of it that stays
        lines = torch.cos(2 * torch.pi * x / wave).expand(1, 3, 48, 64)
        kernel = cascade_kernel(0.5, torch.device("cpu"))
        share = float(depthwise_conv(lines, kernel, "reflect").std() / lines.std())
        assert left[0] < share < left[1], wave


@pytest.mark.parametrize("move", [(0, 0), (5, -7), (-3, 0), (0, 4), (HEIGHT, WIDTH + 1), (99, -99)])
def test_an_image_rolls_as_torchs_own_does(move: tuple[int, int]) -> None:
    expected = torch.roll(image(), move, dims=(2, 3))
    assert torch.equal(roll(image(), *move), expected)
    assert torch.equal(roll(expected, -move[0], -move[1]), image())


@pytest.mark.parametrize(
    "setting",
    [
        {"octaves": 0},
        {"motif_size": 0.1},
        {"fine_detail": 1.1},
        {"octave_scale": 1.0},
        {"iterations": 0},
        {"step_size": -0.1},
        {"jitter": -1},
        {"settling_frames": 0},
    ],
)
def test_settings_out_of_range_are_refused(setting: dict[str, object]) -> None:
    with pytest.raises(UserError, match=next(iter(setting))):
        octaves(**setting)


PREVIEW = [(98, 175), (138, 245), (193, 343), (270, 480)]


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        ((270, 480), PREVIEW),
        ((90, 160), [(90, 160)]),
        ((140, 240), [(100, 172), (140, 240)]),
        ((480, 270), [(h, w) for w, h in PREVIEW]),
    ],
)
def test_automatic_octaves_are_those_of_a_preview(
    size: tuple[int, int], expected: list[tuple[int, int]]
) -> None:
    assert octaves(octaves="auto").sizes(*size) == expected


@pytest.mark.parametrize(
    ("size", "count"),
    [((224, 400), 4), ((272, 640), 5), ((540, 960), 6), ((1080, 1920), 8), ((2160, 3840), 10)],
)
def test_automatic_octaves_are_evenly_spaced_from_the_smallest_of_a_preview(
    size: tuple[int, int], count: int
) -> None:
    sizes = octaves(octaves="auto").sizes(*size)
    assert len(sizes) == count
    assert sizes[-1] == size
    assert math.prod(sizes[0]) == pytest.approx(98 * 175, rel=0.02)
    ratios = [after[1] / before[1] for before, after in pairwise(sizes)]
    assert max(ratios) - min(ratios) < 0.03
    assert 1.3 < ratios[0] < 1.43


def test_larger_motifs_begin_with_a_smaller_octave() -> None:
    assert octaves(octaves="auto", motif_size=2, octave_scale=2).sizes(270, 480) == [
        (17, 30),
        *[(34, 60), (68, 120), (135, 240), (270, 480)],
    ]
    assert octaves(octaves="auto", motif_size=0.5, octave_scale=2).sizes(270, 480) == [
        *[(68, 120), (135, 240), (270, 480)]
    ]
    # smaller motifs than a preview can show
    tiny = octaves(octaves="auto", motif_size=0.25, fine_detail=0)
    assert tiny.sizes(1080, 1920) == [(394, 700)]
    assert tiny._factors([(394, 700)]) == [1]


def test_without_fine_detail_the_octaves_end_with_those_of_a_preview() -> None:
    sizes = octaves(octaves="auto", fine_detail=0).sizes(1080, 1920)
    assert sizes == octaves(octaves="auto").sizes(1080, 1920)[:4]
    assert math.prod(sizes[-1]) == pytest.approx(270 * 480, rel=0.05)
    assert octaves(octaves="auto", fine_detail=0).sizes(90, 160) == [(90, 160)]


def test_automatic_octaves_too_small_for_the_network_are_left_out() -> None:
    dreamer = octaves(octaves="auto")
    assert dreamer.sizes(540, 960, 140) == dreamer.sizes(540, 960)[2:]
    assert dreamer.sizes(270, 480, 260) == [(270, 480)]
    coarse = octaves(octaves="auto", fine_detail=0)
    assert coarse.sizes(400, 4000, 224) == [(289, 2894)]  # the smallest that fits
    assert dreamer.fit(height=270, width=480, smallest_side=98) is dreamer


def test_a_dreamer_that_was_fitted_leaves_small_octaves_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("pipeline.dreamer.octaves.PREVIEW_PIXELS", HEIGHT * WIDTH)
    dreamer = octaves(octaves="auto", octave_scale=2, iterations=1, smoothing=0)
    assert dreamer.sizes(HEIGHT, WIDTH) == [(6, 8), (12, 16), (24, 32), (48, 64)]
    fitted = dreamer.fit(HEIGHT, WIDTH, 20)
    gradient = Watched()
    dream(fitted, gradient)
    assert gradient.sizes == {(24, 32): 1, (48, 64): 1}
    assert fitted.fit(HEIGHT, WIDTH, 2) is dreamer


def test_octaves_beyond_a_preview_take_smaller_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.dreamer.octaves.PREVIEW_PIXELS", HEIGHT * WIDTH / 16)
    settings = {"octaves": "auto", "octave_scale": 2, "iterations": 1, "smoothing": 0}
    assert octaves(**settings).sizes(HEIGHT, WIDTH)[-3:] == [(12, 16), (24, 32), (48, 64)]
    start = 0.25 + 0.5 * image()  # nothing is clamped

    def added(fine_detail: float, height: int) -> float:
        """Root mean square of what a step adds in the octave of this height."""

        def only_there(picture: Tensor) -> tuple[Tensor, Tensor]:
            noise = torch.randn(picture.shape, generator=torch.Generator().manual_seed(0))
            return noise * (picture.shape[2] == height), torch.tensor(0.0)

        dreamer = octaves(**settings, fine_detail=fine_detail)
        return float((dream(dreamer, only_there, start=start).image - start).square().mean().sqrt())

    assert added(0.5, 12) == pytest.approx(added(1, 12), rel=1e-3)
    assert added(0.5, 24) == pytest.approx(added(1, 24) / 2, rel=1e-3)
    assert added(0.5, 48) == pytest.approx(added(1, 48) / 4, rel=1e-3)
    assert added(0, 24) == added(0, 48) == pytest.approx(0, abs=1e-6)


def test_a_dream_without_fine_detail_is_kept_up_at_the_size_of_a_preview(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("pipeline.dreamer.octaves.PREVIEW_PIXELS", HEIGHT * WIDTH / 4)
    gradient = Watched()
    coarse = octaves(octaves="auto", octave_scale=2, fine_detail=0, upkeep_iterations=2)
    made = dream(coarse, gradient, maturity=MATURE)
    assert gradient.sizes == {(24, 32): 2}
    assert made.image.shape == image().shape
    assert made.steps == pytest.approx(2 / 4)


def test_new_content_gets_every_smaller_octave_within_three_frames(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("pipeline.dreamer.octaves.PREVIEW_PIXELS", 16 * 16)
    entering = MATURE.clone()
    entering[..., :6] = 0
    dreamer = octaves(octaves="auto", upkeep_iterations=0, entering_iterations=1)
    smaller = dreamer.sizes(HEIGHT, WIDTH)[:-1]
    assert len(smaller) > 5
    steps: Counter[tuple[int, int]] = Counter()
    for index in range(3):
        gradient = Watched()
        dream(dreamer, gradient, maturity=entering, index=index)
        steps += gradient.sizes
    assert steps == dict.fromkeys(smaller, 1)


def test_automatic_octaves_shift_as_a_preview_does() -> None:
    dreamer = octaves(octaves="auto", jitter=32)
    full = dreamer._jitter((1080, 1920), (1080, 1920))
    assert full == dreamer._jitter((270, 480), (1080, 1920)) == 32
    assert dreamer._jitter((98, 175), (1080, 1920)) == dreamer._jitter((98, 175), (270, 480)) == 12


def test_octaves_that_smoothing_would_reach_across_are_left_out():
    wide = octaves(smoothing=4.0)  # reaches 24 pixels
    assert len(wide.fit(height=36, width=36, smallest_side=16).sizes(36, 36)) == 2


def test_a_single_octave_tells_what_is_new_from_what_is_carried():
    # A tenth has yet to grow, so nothing is fresh: of the steps only the entering ones go anywhere.
    single = octaves(
        octaves=1, step_size=0, upkeep_step_size=0, upkeep_iterations=2, entering_step_size=0.1
    )
    made = dream(single, Watched(), start=grey(), maturity=0.9 * MATURE)
    assert made.steps == 2
    assert float((made.image - grey()).abs().max()) > 0.005
    assert float(made.maturity.min()) == pytest.approx(0.9 + 1 / single.settling_frames)
