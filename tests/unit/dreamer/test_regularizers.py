"""pipeline.dreamer.regularizers: each pushes down what it is a penalty of, and nothing else."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from helpers.dreaming import Watched, dream
from helpers.scenes import texture
from helpers.stages import octaves
from torch import Tensor

from pipeline.dreamer.regularizers import SOFT, Penalties, total_variation_gradient
from pipeline.frame import to_image
from pipeline.imaging.metrics import image_statistics

OFF = {"total_variation": 0.0, "distance": 0.0, "chroma": 0.0}


def image(seed: int = 0) -> Tensor:
    return to_image(texture(48, 64, seed=seed), "cpu")


def variation(image: Tensor) -> float:
    across, down = image.diff(dim=3).abs().mean(), image.diff(dim=2).abs().mean()
    return float(across + down)


def test_none_counts_unless_it_has_a_weight() -> None:
    assert not Penalties(**OFF).count
    for name in OFF:
        assert Penalties(**{**OFF, name: 0.1}).count


def test_the_distance_pushes_to_the_source_in_proportion() -> None:
    push = Penalties(**{**OFF, "distance": 3.0})(image(), image(1))
    torch.testing.assert_close(push, 3 * (image(1) - image()))


def test_the_chroma_pushes_colours_and_leaves_light() -> None:
    push = Penalties(**{**OFF, "chroma": 3.0})(image(), image(1))
    torch.testing.assert_close(push.mean(dim=1), torch.zeros(1, 48, 64), rtol=0, atol=1e-6)
    assert float(push.std()) > 0.1


def test_evening_is_the_gradient_of_the_total_variation() -> None:
    at = image().double().requires_grad_(True)
    soft = SOFT
    right = torch.nn.functional.pad(at.diff(dim=3), [0, 1, 0, 0])
    down = torch.nn.functional.pad(at.diff(dim=2), [0, 0, 0, 1])
    (right.square() + down.square() + soft**2).sqrt().sum().backward()
    torch.testing.assert_close(total_variation_gradient(at.detach()), -at.grad)


def test_a_flat_picture_is_left_alone() -> None:
    assert not total_variation_gradient(torch.full((1, 3, 8, 8), 0.3)).any()


@pytest.mark.parametrize("name", OFF)
def test_a_penalty_holds_back_what_it_is_of(name: str) -> None:
    measured: Any = {
        "total_variation": variation,
        "distance": lambda dreamt: float((dreamt - image()).square().mean()),
        "chroma": lambda dreamt: float(image_statistics(0.5 + (dreamt - image()) / 2).chroma),
    }[name]
    free = dream(octaves(step_size=0.03), Watched()).image
    weight = 0.5 if name == "total_variation" else 5.0
    held = dream(octaves(step_size=0.03, **{name: weight}), Watched()).image
    assert measured(held) < 0.9 * measured(free)
