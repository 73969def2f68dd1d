"""pipeline.gradient.gradient: the gradient is the objective's, and leaves nothing behind."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
import torch
from helpers.objectives import CLASSES, GUIDE, SETTINGS
from helpers.stages import part, toy_module, toy_network
from torch import nn

from pipeline.errors import UserError
from pipeline.gradient import Gradient
from pipeline.gradient.tile_budget import TileBudget
from pipeline.model import Activations
from pipeline.model.network.module import Network
from pipeline.objective.channel import Channel
from pipeline.objective.norm import Norm


def image(side: int = 20, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    return torch.rand(1, 3, side, side, generator=torch.Generator().manual_seed(3), dtype=dtype)


def test_the_gradient_is_what_a_small_step_changes_in_the_score() -> None:
    # In float64, where a step of 1e-6 crosses no bend of a ReLU and is not lost in rounding.
    exact = toy_network().double()
    gradient_fn = Gradient(exact, Norm(layers=("second",), weights=(-0.5,)))
    at = image(dtype=torch.float64)
    towards = torch.randn(at.shape, generator=torch.Generator().manual_seed(4), dtype=at.dtype)
    gradient, _ = gradient_fn(at)
    change = gradient_fn.score(at + 1e-6 * towards) - gradient_fn.score(at - 1e-6 * towards)
    assert float((gradient * towards).sum()) == pytest.approx(float(change) / 2e-6, rel=1e-4)


def test_half_the_weight_is_half_the_gradient_whatever_the_layers_scale() -> None:
    network, at = toy_network(), image()
    alone = [Gradient(network, Norm(layers=(name,), weights=None))(at)[0]
             for name in ("second", "third")]  # fmt: skip
    expected = 0.5 * alone[0] / alone[0].std() - 2 * alone[1] / alone[1].std()
    both, score = Gradient(network, Norm(layers=("second", "third"), weights=(0.5, -2.0)))(at)
    torch.testing.assert_close(both, expected, rtol=1e-3, atol=1e-4)
    scores = [float(Gradient(network, Norm(layers=(name,), weights=None)).score(at))
              for name in ("second", "third")]  # fmt: skip
    assert float(score) == pytest.approx(0.5 * scores[0] - 2 * scores[1], rel=1e-5)


def test_a_weight_of_nothing_costs_nothing_and_changes_nothing() -> None:
    network, at = toy_network(), image()
    faded = Gradient(network, Norm(layers=("second", "third"), weights=(1.0, 0.0)))
    alone = Gradient(network, Norm(layers=("second",), weights=None))
    assert faded.objective.active == ("second",)
    assert torch.equal(faded(at)[0], alone(at)[0])
    # what a size must be does not change while a layer comes and goes
    assert faded.smallest_side == Gradient(network, Norm(("second", "third"), None)).smallest_side


def test_the_score_comes_alone_as_it_comes_with_the_gradient(gradient: Gradient) -> None:
    # 1e-6: without a gradient torch may choose another order of summing.
    assert float(gradient.score(image())) == pytest.approx(float(gradient(image())[1]), rel=1e-6)


def test_gradient_and_score_hold_on_to_no_graph(gradient: Gradient) -> None:
    start = image()
    found, score = gradient(start)
    assert found.shape == start.shape
    assert score.shape == ()
    assert not found.requires_grad
    assert not score.requires_grad
    assert not gradient.score(start).requires_grad


def test_the_image_is_left_as_it_was(gradient: Gradient) -> None:
    start = image()
    gradient(start)
    assert torch.equal(start, image())
    assert not start.requires_grad
    assert start.grad is None


def test_the_network_learns_nothing() -> None:
    module = toy_module().train()
    before = {name: value.clone() for name, value in module.state_dict().items()}
    Gradient(toy_network(module), Norm(layers=("third",), weights=None))(image())
    for name, value in module.state_dict().items():
        assert torch.equal(value, before[name]), name
    assert all(parameter.grad is None for parameter in module.parameters())


def test_the_smallest_side_is_that_of_the_objectives_layers() -> None:
    network = toy_network()
    # A map of 3 x 3 behind two strides of 2 takes 9 pixels; it is looked for in steps of 16.
    assert Gradient(network, Norm(layers=("third",), weights=None)).smallest_side == 16


def test_an_unknown_layer_is_told_when_it_is_first_asked_for() -> None:
    gradient = Gradient(toy_network(), Norm(layers=("fourth",), weights=None))
    with pytest.raises(UserError, match=r"objective\.layers.*'fourth'"):
        _ = gradient.smallest_side


TRIED = [(name, changes) for name, each in SETTINGS.items() for changes in each]


@pytest.mark.parametrize("size", [(160, 160), (165, 243)])
@pytest.mark.parametrize(("name", "changes"), TRIED)
def test_in_tiles_every_objective_has_the_gradient_of_the_whole_image(
    name: str, changes: dict[str, object], size: tuple[int, int]
) -> None:
    # the toy's places see 15 pixels, less than the 32 of a margin
    network = toy_network(classes=CLASSES)
    aim = part("objective", name, **changes).bind(network, GUIDE)
    at = torch.rand(1, 3, *size, generator=torch.Generator().manual_seed(3))
    whole, tiled = Gradient(network, aim), Gradient(network, aim, TileBudget(side=128, bytes=None))
    (expected, score), (gradient, tiled_score) = whole(at), tiled(at)
    # rounding: a map's sum is taken in another order
    torch.testing.assert_close(
        gradient / expected.std(), expected / expected.std(), atol=2e-5, rtol=0
    )
    assert float(tiled_score) == pytest.approx(float(score), rel=1e-5)
    assert float(tiled.score(at)) == pytest.approx(float(score), rel=1e-5)


def test_the_network_is_shown_no_more_than_a_tile() -> None:
    shown = []

    class Watched(Network):
        def forward(self, image: torch.Tensor, layers: Sequence[str]) -> Activations:
            shown.append(tuple(image.shape[2:]))
            return super().forward(image, layers)

    look = {"mean": [0.5] * 3, "deviation": [0.25] * 3, "weights_sha256": "toy"}
    aim = Norm(layers=("second",), weights=None)
    gradient = Gradient(Watched(toy_module(), **look), aim, TileBudget(side=128, bytes=None))
    at = torch.rand(1, 3, 165, 243)
    gradient(at)
    shown.clear()  # what it took to find out about the network
    gradient(at)
    assert len(shown) == 15
    assert max(map(max, shown)) <= 128


def test_of_a_class_score_the_tiles_mean_has_the_gradient_of_the_whole() -> None:
    # Behind a mean over all places; the gradient in each of them is the same wherever it lies.
    head = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(16, 5))
    network = toy_network(nn.Sequential(*toy_module(), head))
    aim = Channel(layers=("3.2",), channels=(2,))
    at = torch.rand(1, 3, 165, 243, generator=torch.Generator().manual_seed(3))
    expected, _ = Gradient(network, aim)(at)
    gradient, _ = Gradient(network, aim, TileBudget(side=128, bytes=None))(at)
    torch.testing.assert_close(
        gradient / expected.std(), expected / expected.std(), atol=2e-5, rtol=0
    )
