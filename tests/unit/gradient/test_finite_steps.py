"""Nothing but numbers gets into a dream, whatever is dreamt on: there they would stay for ever."""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import torch
from helpers.rendering import dreams
from helpers.sampling import every
from helpers.scenes import texture
from helpers.stages import part, toy_network
from torch import Tensor

from pipeline.canvas import Canvas
from pipeline.dreamer.gradient_filters import Shaping
from pipeline.errors import UserError
from pipeline.frame import Guide, Image, Picture
from pipeline.gradient import Gradient
from pipeline.model import Activations, Model
from pipeline.model.network.module import Network
from pipeline.objective.norm import Norm

HEIGHT, WIDTH = 48, 64
NOISE = np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8)


def filled(*colour: int) -> Picture:
    return np.broadcast_to(np.array(colour, np.uint8), (HEIGHT, WIDTH, 3)).copy()


def dot() -> Picture:
    picture = filled(0, 0, 0)
    picture[HEIGHT // 2, WIDTH // 2] = 255
    return picture


PICTURES = {
    "black": filled(0, 0, 0),
    "white": filled(255, 255, 255),
    "grey": filled(128, 128, 128),
    "red": filled(255, 0, 0),
    "dot": dot(),
    "noise": NOISE,
    "saturated": (NOISE > 127).astype(np.uint8) * 255,
}
SHAPED: dict[str, dict[str, Any]] = {
    "smoothing": {"smoothing": 1.5},
    "pyramid": {"pyramid": 3},
    "falloff": {"falloff": 1.0},
    "decorrelation": {"decorrelation": 1.0},
    "penalties": {"total_variation": 0.5, "distance": 10, "chroma": 10},
    "all": {"smoothing": 0.5, "pyramid": 3, "falloff": 0.5, "decorrelation": 1.0,
            "total_variation": 0.5, "distance": 5, "chroma": 5},
}  # fmt: skip
DREAMERS: dict[str, tuple[str, dict[str, Any]]] = {
    **{name: ("octaves", {"octaves": 2, "iterations": 4, "jitter": 4, **changes})
       for name, changes in {"octaves": {}, **SHAPED}.items()},
    "feedback": ("feedback", {"octaves": 2, "iterations": 4}),
    **{name: (name, {"iterations": 6, "snapshots": 3}) for name in ("fourier", "maco", "pixels")},
}  # fmt: skip
GUIDE = Guide(texture(HEIGHT, WIDTH, seed=2))
LAYERS = {"layers": ["second"]}
OBJECTIVES: dict[str, dict[str, Any]] = {
    "norm": {"layers": ["second", "third"], "weights": [1, -0.5]},
    "channel": {**LAYERS, "channels": [1]},
    "neuron": {**LAYERS, "channel": 1},
    "strongest": {**LAYERS, "count": 2},
    "guide": {**LAYERS, "guide_size": 32},
}


class Broken:
    """Gives no numbers at the looks of these indices, counted over all frames."""

    def __init__(self, looks: Sequence[int] | None, value: float) -> None:
        self.looks, self.value, self.count = looks, value, -1

    def network(self) -> Network:
        network = toy_network()
        whole = network.forward

        def forward(image: Image, layers: Sequence[str]) -> Activations:
            seen = whole(image, layers)
            if not (image.requires_grad and image.any()):
                return seen  # it is only measured
            self.count += 1
            broken = self.looks is None or self.count in self.looks
            return {name: map_ * self.value for name, map_ in seen.items()} if broken else seen

        network.forward = forward  # type: ignore[method-assign]
        return network


@dataclass(frozen=True)
class Known:
    """An objective that knows its guide already."""

    bound: Any

    def bind(self, model: Model, guide: Guide | None = None) -> Any:
        return self.bound


def of(objective: str, network: Network) -> Any:
    """The aim of this objective in the toy network."""
    return part("objective", objective, **OBJECTIVES[objective]).bind(network, GUIDE)


def check(dreamt: Sequence[Any]) -> None:
    """Every number of all states is one, and in its range."""
    for frame in dreamt:
        state = frame.state
        assert 0 <= float(state.dream.min()) <= float(state.dream.max()) <= 1
        for tensor in (state.dream, state.maturity, *state.memory.values()):
            assert bool(tensor.isfinite().all())


@pytest.mark.parametrize("picture", every(4, PICTURES))
@pytest.mark.parametrize("dreamer", DREAMERS)
def test_every_dreamer_gives_numbers_in_their_range_on_any_picture(
    network: Network, picture: str, dreamer: str
) -> None:
    name, changes = DREAMERS[dreamer]
    gradient = Gradient(network, Norm(("second",), None))
    check(dreams(gradient, [PICTURES[picture]] * 3, dreamer=part("dreamer", name, **changes)))


@pytest.mark.parametrize("picture", PICTURES)
@pytest.mark.parametrize("objective", OBJECTIVES)
def test_every_objective_gives_numbers_on_any_picture(
    network: Network, picture: str, objective: str
) -> None:
    aim = of(objective, network)
    dreamer = part("dreamer", "octaves", octaves=2, iterations=4)
    check(dreams(Gradient(network, aim), [PICTURES[picture]] * 2, dreamer=dreamer,
                 objective=Known(aim)))  # fmt: skip


@pytest.mark.parametrize("shaped", [{}, *SHAPED.values()], ids=["plain", *SHAPED])
@pytest.mark.parametrize("objective", ["norm", "channel"])
@pytest.mark.parametrize("colour", ["black", "grey", "white"])
def test_a_flat_picture_is_climbed_along_its_gradient_and_not_along_rounding(
    objective: str, colour: str, shaped: dict[str, Any]
) -> None:
    # along rounding, a float of twice the length would climb elsewhere: correlated by 0
    steps = []
    for network in (toy_network(), toy_network().double()):
        gradient, _ = Gradient(network, of(objective, network))(_flat(colour, network))
        settings = {"smoothing": 0.0, "pyramid": 0, "falloff": 0.0, "decorrelation": 0.0}
        shaping = Shaping(**{key: shaped.get(key, value) for key, value in settings.items()})
        steps.append(shaping(gradient.float()).flatten())
    single, double = steps
    if double.any():
        assert float(torch.corrcoef(torch.stack(steps))[0, 1]) > 0.99
    else:  # a channel that is dead there has no gradient at all
        assert not single.any()


def _flat(colour: str, network: Network) -> Tensor:
    value = float(PICTURES[colour][0, 0, 0]) / 255
    return torch.full((1, 3, HEIGHT, WIDTH), value, dtype=next(network.parameters()).dtype)


def test_where_there_is_no_gradient_the_picture_stays_as_it_is(network: Network) -> None:
    for weight in network.parameters():
        weight.zero_()
    gradient = Gradient(network, Norm(("second",), None))
    for changes in ({}, SHAPED["all"]):
        dreamer = part("dreamer", "octaves", octaves=2, iterations=4, **changes)
        first, *_ = dreams(gradient, [PICTURES["grey"]] * 2, dreamer=dreamer)
        torch.testing.assert_close(first.image, torch.full_like(first.image, 128 / 255))


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_step_without_a_gradient_is_left_out_and_said_once(
    caplog: pytest.LogCaptureFixture, value: float
) -> None:
    dreamer = part("dreamer", "octaves", octaves=1, iterations=4, upkeep_iterations=3)
    pictures = [texture(HEIGHT, WIDTH, seed=3)] * 3
    # the first frame takes four steps, the second three: its second and third are broken
    network = Broken([5, 6], value).network()
    with caplog.at_level(logging.WARNING):
        dreamt = dreams(Gradient(network, Norm(("second",), None)), pictures, dreamer=dreamer)
    check(dreamt)
    assert len(dreamt) == 3
    assert caplog.messages == [
        "frame 1: 2 of 3 steps skipped, because their gradient was not finite"
    ]
    whole = dreams(Gradient(toy_network(), Norm(("second",), None)), pictures, dreamer=dreamer)
    assert torch.equal(dreamt[0].image, whole[0].image)
    assert not torch.equal(dreamt[1].image, whole[1].image)
    assert not torch.equal(dreamt[1].image, dreamt[0].image)  # the one that is left is taken


@pytest.mark.parametrize("name", ["octaves", "fourier"])
@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_network_that_gives_no_numbers_is_refused_at_the_first_frame(
    name: str, value: float
) -> None:
    changes = {"iterations": 4} | ({"octaves": 1} if name == "octaves" else {"snapshots": 1})
    gradient = Gradient(Broken(None, value).network(), Norm(("second",), None))
    with pytest.raises(UserError, match=r"^model, model\.weights: must give finite gradients"):
        dreams(gradient, [PICTURES["noise"]], dreamer=part("dreamer", name, **changes))


def test_a_governor_makes_nothing_of_rounding() -> None:
    governor, one = part("governor", "anchor"), torch.ones(())
    image = torch.full((1, 3, HEIGHT, WIDTH), 0.4237)
    image[0, :, 7, 9] += 1e-6  # so much is lost at every sampling
    for _ in range(300):
        canvas = Canvas(None, image, one, one, None, one, one)
        image = governor(canvas, rate=30, steady=True).image
        assert bool(image.isfinite().all())
    assert float(image.std()) < 1e-4
