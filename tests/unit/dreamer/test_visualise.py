"""pipeline.dreamer.visualise and its parts: an image in other numbers, seen from all sides."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from helpers.scenes import texture
from helpers.stages import canvas_of, part
from torch import Tensor

from pipeline.dreamer import Dream
from pipeline.dreamer.parametrisation import Fourier, Maco, Parametrisation, Pixels
from pipeline.dreamer.views import Views
from pipeline.errors import UserError
from pipeline.frame import Memory, to_image
from pipeline.gradient import Gradient

HEIGHT, WIDTH = 48, 62
WAYS: list[Parametrisation] = [Pixels(), Fourier(falloff=1.0), Maco(1.0, 0.9, 0.0)]
NAMES = ("pixels", "fourier", "maco")


def image(seed: int = 0) -> Tensor:
    return to_image(texture(HEIGHT, WIDTH, seed=seed), "cpu")


def views(**changes: Any) -> Views:
    plain = {"smallest": 0.5, "largest": 1.0, "degrees": 10, "noise": 0.0, "side": 32}
    return Views(**{**plain, **changes})


def visualise(name: str = "fourier", **changes: Any) -> Any:
    settings = {"views": {"_target_": "pipeline.dreamer.views.Views", "smallest": 0.5,
                          "largest": 1.0, "degrees": 10, "noise": 0.02, "side": 32},
                "iterations": 12, "snapshots": None, "views_a_step": 1}  # fmt: skip
    return part("dreamer", name, **{**settings, **changes})


def dream(
    dreamer: Any, gradient: Any, start: Tensor, *, index: int = 0, memory: Memory | None = None
) -> Dream:
    rng = torch.Generator().manual_seed(index)
    return dreamer(canvas_of(start, index=index), gradient, rng, memory=memory or {})


@pytest.mark.parametrize("way", WAYS[:2], ids=NAMES[:2])
def test_an_image_comes_back_out_of_its_numbers(way: Parametrisation) -> None:
    torch.testing.assert_close(
        way.image(way.parameters(image()), WIDTH), image().clamp(1e-4, 1 - 1e-4), rtol=0, atol=1e-4
    )


def test_of_phases_alone_comes_an_image_that_stays_itself() -> None:
    way = Maco(1.0, 0.9, 0.0)
    once = way.image(way.parameters(image()), WIDTH)
    torch.testing.assert_close(way.image(way.parameters(once), WIDTH), once, rtol=0, atol=2e-3)
    assert float((once - image()).abs().mean()) > 0.01  # its waves have other strengths


def test_all_waves_of_a_maco_image_are_as_strong_as_those_of_photographs() -> None:
    # a picture of a fifth of the contrast gives phases, not strengths, of its own
    way = Maco(1.0, 0.9, 0.0)
    strong = way.image(way.parameters(image()), WIDTH)
    weak = way.image(way.parameters(0.5 + 0.2 * (image() - 0.5)), WIDTH)
    assert float(strong.std()) == pytest.approx(float(weak.std()), rel=0.15)


@pytest.mark.parametrize("way", WAYS, ids=NAMES)
def test_an_image_stays_within_its_range_whatever_the_numbers(way: Parametrisation) -> None:
    numbers = 100 * torch.randn_like(way.parameters(image()))
    made = way.image(numbers, WIDTH)
    assert made.shape == image().shape
    assert float(made.min()) >= 0
    assert float(made.max()) <= 1


def test_a_view_of_all_of_it_is_the_picture_itself() -> None:
    whole = views(smallest=1.0, largest=1.0, degrees=0, side=HEIGHT)
    view = whole(image(), torch.Generator().manual_seed(0))
    torch.testing.assert_close(view, image(), rtol=0, atol=1e-4)


def test_a_view_has_its_own_size_and_the_pictures_shape() -> None:
    view = views()(image(), torch.Generator().manual_seed(0))
    assert view.shape == (1, 3, 32, round(WIDTH * 32 / HEIGHT))


def test_views_differ_by_chance_and_the_same_chance_gives_the_same_view() -> None:
    first, second, again = (
        views(noise=0.1)(image(), torch.Generator().manual_seed(seed)) for seed in (1, 2, 1)
    )
    assert torch.equal(first, again)
    assert not torch.equal(first, second)


def test_a_view_keeps_proportions_when_it_is_turned() -> None:
    # a disc stays a disc: as many of its pixels lie across as down
    y, x = torch.meshgrid(torch.linspace(-1, 1, 64), torch.linspace(-1.5, 1.5, 96), indexing="ij")
    disc = ((x.square() + y.square()) < 0.25).float().expand(1, 3, 64, 96)
    turned = views(smallest=1, largest=1, degrees=20, side=64)
    view = turned(disc, torch.Generator().manual_seed(3))[0, 0]
    across, down = (view.amax(dim=d) > 0.5 for d in (0, 1))
    assert abs(int(across.sum()) - int(down.sum())) <= 1
    assert int(down.sum()) == pytest.approx(32, abs=2)


def test_a_view_that_would_be_smaller_than_its_largest_is_refused() -> None:
    with pytest.raises(ValueError, match=r"smallest must be at most largest, got 1 and 0\.5"):
        views(smallest=1.0, largest=0.5)


@pytest.mark.parametrize("name", NAMES)
def test_the_score_rises_in_every_parametrisation(name: str, gradient: Gradient) -> None:
    start = image()
    steps = {"iterations": 50, "step_size": 0.2}  # long ones: phases are angles
    made = dream(visualise(name, **steps), gradient, start).image
    base = start if name != "maco" else dream(visualise(name, iterations=1), gradient, start).image
    assert float(gradient.score(made)) > 1.1 * float(gradient.score(base))


def test_snapshots_share_the_iterations_and_end_where_one_picture_would(
    gradient: Gradient,
) -> None:
    whole = dream(visualise(iterations=11), gradient, image())
    assert sum(whole.work.values()) == 11
    staged = visualise(iterations=11, snapshots=3)
    counts, state, memory = [], image(), {}
    for index in range(4):
        stage = dream(staged, gradient, state, index=index, memory=memory)
        state, memory = stage.image, stage.memory
        counts.append(sum(stage.work.values()))
    assert counts == [3, 4, 4, 0]
    assert float(memory["step"]) == 11


def test_momentum_goes_on_from_frame_to_frame_and_the_last_states_stays_as_it_was(
    gradient: Gradient,
) -> None:
    dreamer = visualise(iterations=4, snapshots=2)
    first = dream(dreamer, gradient, image())
    kept = {name: value.clone() for name, value in first.memory.items()}
    on = dream(dreamer, gradient, first.image, index=1, memory=first.memory)
    anew = dream(dreamer, gradient, first.image, index=1)
    assert all(torch.equal(first.memory[name], kept[name]) for name in kept)
    assert not torch.equal(on.image, anew.image)


def test_work_is_counted_in_views(gradient: Gradient) -> None:
    made = dream(visualise(iterations=3, views_a_step=2), gradient, image())
    assert made.work == {(32, round(WIDTH * 32 / HEIGHT)): 6}


def test_a_view_too_small_for_the_layers_is_refused() -> None:
    with pytest.raises(UserError, match=r"side: must be at least 33 .* got 32"):
        visualise().fit(480, 640, 33)
    assert visualise().fit(16, 16, 32) == visualise()
