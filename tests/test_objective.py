"""pipeline.objective: a score of activations that climbing raises."""

from __future__ import annotations

import pytest
import torch
from pydantic import ValidationError

from pipeline.gradient import Gradient
from pipeline.model.network import Network
from pipeline.objective import Objective
from pipeline.objective.norm import Norm
from tests.conftest import CONF, part

ONE_AND_THREE = {"a": torch.tensor([[[[1.0, -3.0]]]]), "b": torch.full((1, 4, 2, 2), 2.0)}
"""Mean squares: 5 in layer a, 4 in layer b."""


@pytest.mark.parametrize("name", sorted(path.stem for path in (CONF / "objective").glob("*.yaml")))
@pytest.mark.parametrize("layers", [["first"], ["second", "third"]])
def test_five_steps_up_the_slope_raise_every_objective(
    name: str, layers: list[str], network: Network
) -> None:
    objective: Objective = part("objective", name, layers=layers)
    gradient = Gradient(network, objective)
    image = torch.rand(1, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    before = float(gradient.score(image))
    for _ in range(5):
        slope, _ = gradient(image)
        image = image + 0.01 * slope / slope.std()
    assert float(gradient.score(image)) > before * 1.05


def test_the_norm_of_one_layer_is_its_mean_square() -> None:
    score = Norm(layers=("a",), weights=None)(ONE_AND_THREE)
    assert score.shape == ()
    assert float(score) == 5


def test_the_norms_of_several_layers_are_added() -> None:
    assert float(Norm(layers=("a", "b"), weights=None)(ONE_AND_THREE)) == 9


def test_each_layer_has_its_own_weight_and_less_than_nothing_is_less_of_it() -> None:
    assert float(Norm(layers=("a", "b"), weights=(0.5, -2.0))(ONE_AND_THREE)) == 0.5 * 5 - 2 * 4


def test_a_large_map_does_not_drown_a_small_one() -> None:
    small, large = torch.full((1, 8, 2, 2), 3.0), torch.full((1, 64, 90, 160), 3.0)
    norm = Norm(layers=("x",), weights=None)
    assert float(norm({"x": small})) == pytest.approx(float(norm({"x": large})))


def test_one_layer_may_stand_alone() -> None:
    assert Norm(layers="blocks.9", weights=None).layers == ("blocks.9",)


@pytest.mark.parametrize(
    ("layers", "weights", "rule"),
    [
        ([], None, "layers"),
        (["a", "b", "a"], None, "must name each layer once"),
        (["a", "b"], [1.0], "weights must be one number a layer, got 1 for 2 layers"),
        (["a"], [], "got 0 for 1 layers"),
        (["a"], [float("nan")], "finite"),
        (["a"], ["much"], "weights"),
    ],
)
def test_what_cannot_be_meant_is_refused(layers: object, weights: object, rule: str) -> None:
    with pytest.raises((ValidationError, ValueError), match=rule):
        Norm(layers=layers, weights=weights)
