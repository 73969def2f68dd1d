"""pipeline.objective: a score of activations that climbing raises."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

import pytest
import torch
from helpers.objectives import CLASSES, GUIDE, NORM, SETTINGS
from helpers.scenes import texture
from helpers.stages import CONF, part, toy_network
from pydantic import ValidationError
from torch import nn
from torchvision.models import ResNet50_Weights

from pipeline.errors import UserError
from pipeline.frame import Guide
from pipeline.gradient import Gradient
from pipeline.model import Activations
from pipeline.model.several import Several
from pipeline.objective import BoundObjective, Objective, total
from pipeline.objective.channel import Channel
from pipeline.objective.guide import agreement
from pipeline.objective.label import EXAMPLES, MOST, Label, class_number, similar_classes
from pipeline.objective.neuron import Neuron
from pipeline.objective.norm import Norm
from pipeline.objective.ranked import Ranked

ONE_AND_THREE = {"a": torch.tensor([[[[1.0, -3.0]]]]), "b": torch.full((1, 4, 2, 2), 2.0)}
"""Mean squares: 5 in layer a, 4 in layer b."""


def names() -> list[str]:
    return sorted(path.stem for path in (CONF / "objective").glob("*.yaml"))


def score(aim: BoundObjective, activations: Activations) -> float:
    return float(total(aim.terms(activations).values()))


def test_every_objective_is_tried() -> None:
    assert sorted(SETTINGS) == names()


@pytest.mark.parametrize(
    ("name", "changes"), [(name, changes) for name in names() for changes in SETTINGS[name]]
)
def test_five_steps_up_the_gradient_raise_every_objective(
    name: str, changes: dict[str, object]
) -> None:
    network = toy_network(classes=CLASSES)
    objective: Objective = part("objective", name, **changes)
    gradient = Gradient(network, objective.bind(network, GUIDE))
    image = torch.rand(1, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    before = float(gradient.score(image))
    for _ in range(5):
        step, _ = gradient(image)
        image = image + 0.01 * step / step.std()
    assert float(gradient.score(image)) > before + 0.05 * abs(before)


def test_the_norm_of_one_layer_is_its_mean_square() -> None:
    ((weight, found),) = Norm(layers=("a",), weights=None).terms(ONE_AND_THREE).values()
    assert found.shape == ()
    assert weight * float(found) == 5


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_the_gradient_of_a_norm_is_torchs_own_and_lies_as_the_activations_do(
    layout: torch.memory_format,
) -> None:
    numbers = torch.randn(1, 5, 6, 7, generator=torch.Generator().manual_seed(0))
    seen = numbers.to(memory_format=layout).requires_grad_()
    ((_, found),) = Norm(layers=("a",), weights=None).terms({"a": seen}).values()
    (gradient,) = torch.autograd.grad(3 * found, seen)
    (expected,) = torch.autograd.grad(3 * seen.square().mean(), seen)
    torch.testing.assert_close(gradient, expected)
    assert gradient.stride() == seen.stride()


def test_the_norms_of_several_layers_are_added() -> None:
    assert score(Norm(layers=("a", "b"), weights=None), ONE_AND_THREE) == 9


def test_each_layer_has_its_own_weight_and_less_than_nothing_is_less_of_it() -> None:
    assert score(Norm(layers=("a", "b"), weights=(0.5, -2.0)), ONE_AND_THREE) == 0.5 * 5 - 2 * 4


def test_a_large_map_does_not_drown_a_small_one() -> None:
    small, large = torch.full((1, 8, 2, 2), 3.0), torch.full((1, 64, 90, 160), 3.0)
    norm = Norm(layers=("x",), weights=None)
    assert score(norm, {"x": small}) == pytest.approx(score(norm, {"x": large}))


def test_one_layer_may_stand_alone() -> None:
    assert Norm(layers="blocks.9", weights=None).layers == ("blocks.9",)


@pytest.mark.parametrize(
    ("layers", "weights", "rule"),
    [
        ([], None, "layers"),
        (["a", "b", "a"], None, "must not contain duplicates"),
        (["a", "b"], [1.0], "weights must contain one number per layer, got 1 for 2 layers"),
        (["a"], [], "got 0 for 1 layers"),
        (["a"], [float("nan")], "finite"),
        (["a"], ["much"], "weights"),
    ],
)
def test_what_cannot_be_meant_is_refused(layers: object, weights: object, rule: str) -> None:
    with pytest.raises((ValidationError, ValueError), match=rule):
        Norm(layers=layers, weights=weights)


def test_a_channel_is_its_mean_and_keeps_its_sign() -> None:
    maps = torch.zeros(1, 4, 2, 3)
    maps[0, 1], maps[0, 2] = -3, 5
    assert score(Channel(layers="x", channels=1), {"x": maps}) == -3
    assert score(Channel(layers="x", channels=[1, 2]), {"x": maps}) == 1


def test_a_neuron_is_one_place_of_one_channel() -> None:
    maps = torch.arange(24.0).view(1, 2, 3, 4)
    corner = Neuron(layers="x", channel=1, x=1, y=0)
    assert score(corner, {"x": maps}) == 15
    assert score(Neuron(layers="x", channel=0, x=0.34, y=1), {"x": maps}) == 9
    assert score(corner, {"x": torch.tensor([[7.0, 8.0]])}) == 8  # a class has no place


@pytest.mark.parametrize(
    ("rank", "mean"), [("strongest", (25 + 16) / 2), ("average", (9 + 4) / 2), ("weakest", 0.5)]
)
def test_channels_are_ranked_by_their_mean_square(rank: Any, mean: float) -> None:
    maps = torch.tensor([1.0, -5.0, 3.0, 0.0, 4.0, -2.0]).view(1, 6, 1, 1).expand(1, 6, 2, 2)
    assert score(Ranked(layers="x", rank=rank, count=2), {"x": maps}) == mean


@pytest.mark.parametrize("label", [3, "3", "tiger cat", "Tiger_Cat", " tiger-cat "])
def test_a_class_is_a_channel_of_the_last_layer(label: int | str) -> None:
    assert Label(label=label).bind(toy_network(classes=CLASSES)) == Channel("third.2", 3)


@pytest.mark.parametrize(
    ("label", "hint"),
    [
        ("tigr", "similar ones are tiger"),
        ("cat", "similar ones are tiger cat"),
        ("shark", "similar ones are tiger shark"),
        ("crane", "which is the name of 2 and 6"),
        ("qqqq", "dreamreel list labels, with the same model settings, lists all"),
        ("", "dreamreel list labels, with the same model settings, lists all"),
        (16, "from 0 to 15, got 16; dreamreel list labels, with the same model settings, lists"),
        (-1, "from 0 to 15, got -1"),
    ],
)
def test_an_unknown_class_is_answered_with_the_near_ones(label: int | str, hint: str) -> None:
    with pytest.raises(UserError, match=hint) as caught:
        Label(label=label).bind(toy_network(classes=CLASSES))
    assert str(caught.value).startswith("objective.label: must be ")


@pytest.mark.parametrize(
    ("objective", "line"),
    [
        (Channel("second", [0, 12]), "objective.channels: must be at most 11 in second, got 12"),
        (Neuron("third", 16, 0, 0), "objective.channel: must be at most 15 in third, got 16"),
        (
            Ranked("first", "weakest", 9),
            "objective.count: must be at most 8, the channels of first, got 9",
        ),
        (Channel("secnd", 0), "objective.layers: must be layers of the model, got 'secnd'"),
        (
            part("objective", "weighted"),
            "objective.terms: must contain one with a weight other than 0",
        ),
    ],
)
def test_what_the_model_does_not_have_is_refused(objective: Objective, line: str) -> None:
    with pytest.raises(UserError, match=line):
        objective.bind(toy_network())


IMAGENET = tuple(ResNet50_Weights.DEFAULT.meta["categories"])


@pytest.mark.parametrize(
    ("name", "found", "missing"),
    [
        ("dog", {"golden retriever", "Yorkshire terrier", "Maltese dog"}, {"dough", "hotdog"}),
        ("Dogs", {"golden retriever", "Maltese dog"}, {"dough"}),
        ("cat", {"tabby", "tiger cat", "Siamese cat"}, {"crate"}),
        ("bird", {"robin", "flamingo"}, {"binder", "briard"}),
        ("golden", {"golden retriever"}, {"goldfinch", "gown"}),  # as a word
        ("volcanno", {"volcano"}, set()),  # misspelt
    ],
)
def test_a_common_name_is_answered_with_classes_of_its_kind(
    name: str, found: set[str], missing: set[str]
) -> None:
    similar = similar_classes(name, IMAGENET)
    assert found <= set(similar)
    assert not missing & set(similar)
    assert len(similar) <= MOST


def test_the_examples_of_common_names_are_classes() -> None:
    assert {name for examples in EXAMPLES.values() for name in examples} <= set(IMAGENET)


@pytest.mark.parametrize(
    ("name", "command"),
    [
        ("dog", "dreamreel list labels dog lists more"),
        ("brown dog", "dreamreel list labels lists all"),  # which no class has in it
    ],
)
def test_an_unknown_class_is_answered_with_a_command_that_lists_some(
    name: str, command: str
) -> None:
    with pytest.raises(UserError) as error:
        class_number(name, IMAGENET)
    assert str(error.value).endswith(f"; {command}")


def test_a_name_for_a_model_without_names_is_answered_with_a_number() -> None:
    with pytest.raises(UserError, match=r"got 'cat'; set objective\.label=0, for example$"):
        class_number("cat", ())


def test_too_many_channels_are_answered_with_a_number_that_all_layers_have() -> None:
    with pytest.raises(UserError, match=r"at most 12, .* got 20; set objective\.count=8$"):
        Ranked(["second", "first"], "weakest", 20).bind(toy_network())
    Ranked(["second", "first"], "weakest", 8).bind(toy_network())


def test_a_layer_without_the_name_of_its_model_is_answered_with_it() -> None:
    other = toy_network(nn.Sequential(OrderedDict(other=nn.Conv2d(3, 8, 3))))
    several = Several({"a": toy_network(), "b": other})
    with pytest.raises(UserError, match=r"got 'other'; write b\.other$"):
        several.channels("other")
    assert several.channels("b.other") == 8


def test_weights_of_0_are_answered_with_another_one() -> None:
    terms = {"a": {**NORM, "layers": ["first"]}}
    mixture = part("objective", "weighted", terms=terms, weights={"a": 0})
    with pytest.raises(UserError, match=r"got \{'a': 0\.0\}; set objective\.weights\.a=1$"):
        mixture.bind(toy_network())


def test_without_a_guide_none_can_be_followed() -> None:
    alone = {"_target_": "pipeline.objective.guide.Guided", "layers": ["first"], "guide_size": 32}
    for objective in (
        part("objective", "guide"),
        part("objective", "weighted", terms={"g": alone}),
    ):
        with pytest.raises(UserError, match="guide: must be set for objective=guide"):
            objective.bind(toy_network())


def test_a_mixture_looks_only_at_what_counts_and_multiplies_weights() -> None:
    a, b, c = ({**NORM, "layers": [name]} for name in ("a", "b", "c"))
    both = {**NORM, "layers": ["a", "b"], "weights": [3, -1]}
    terms = {"p": both, "q": c, "r": b}
    mixture = part("objective", "weighted", terms=terms, weights={"q": 0, "p": 0.5})
    mixture = mixture.bind(toy_network())
    assert mixture.layers == ("a", "b", "c")
    assert mixture.active == ("a", "b")
    weights = {name: weight for name, (weight, _) in mixture.terms(ONE_AND_THREE).items()}
    assert weights == {"p.a": 1.5, "p.b": -0.5, "r.b": 1}
    with pytest.raises(UserError, match="must only name terms, got 'z'"):
        part("objective", "weighted", terms={"p": a}, weights={"z": 1})


def test_each_place_agrees_with_the_place_of_the_guide_that_fits_it_best() -> None:
    sought = torch.tensor([[2.0, 0.0], [0.0, 1.0], [-3.0, 0.0]]).T.reshape(1, 2, 3, 1)
    here = torch.tensor([[1.0, 0.5], [0.1, 4.0], [-2.0, 1.0]]).T.reshape(1, 2, 1, 3)
    assert float(agreement(here, sought)) == pytest.approx((2 + 4 + 6) / 3)
    assert float(agreement(torch.tensor([[1.0, 5.0]]), sought)) == 5  # a class has no place


def test_a_large_picture_is_compared_in_parts_to_the_same_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    random = torch.Generator().manual_seed(1)
    here, sought = torch.rand(1, 5, 9, 7, generator=random), torch.rand(1, 5, 4, 3)
    whole = agreement(here, sought)
    monkeypatch.setattr("pipeline.objective.guide.PRODUCTS", 100)  # 8 of the 63 places at once
    assert torch.equal(agreement(here, sought), whole)


def test_a_guide_is_looked_at_once_as_long_as_it_stays() -> None:
    network = toy_network()
    guided = part("objective", "guide", layers=["second"], guide_size=32)
    network.smallest_side(["second"])  # found out once, by looks of its own
    asked = []
    network.register_forward_hook(lambda *_: asked.append(1))
    image = torch.rand(1, 3, 32, 32)
    for guide, looks in ((GUIDE, 4), (GUIDE, 7), (Guide(GUIDE.picture), 11)):
        gradient = Gradient(network, guided.bind(network, guide))
        for _ in range(3):
            gradient(image)
        assert len(asked) == looks  # three of the image, and one of each new guide


def test_several_networks_are_guided_at_once() -> None:
    both = Several({"a": toy_network(), "b": toy_network()})
    guided = part("objective", "guide", layers=["a.second", "b.first"], guide_size=32)
    gradient, _ = Gradient(both, guided.bind(both, GUIDE))(torch.rand(1, 3, 32, 32))
    assert float(gradient.abs().max()) > 0


def test_guided_the_picture_comes_to_agree_with_its_guide_more_than_with_another() -> None:
    network, other = toy_network(), Guide(texture(40, 56, seed=6, centre=60))
    guided = part("objective", "guide", layers=["second"], guide_size=32)
    image = torch.full((1, 3, 32, 32), 0.5)
    ends = []
    for guide in (GUIDE, other):
        gradient, climbed = Gradient(network, guided.bind(network, guide)), image
        for _ in range(20):
            step, _ = gradient(climbed)
            climbed = (climbed + 0.01 * step / (step.std() + 1e-9)).clamp(0, 1)
        ends.append(climbed)
    for guide, own, foreign in ((GUIDE, *ends), (other, *reversed(ends))):
        score = Gradient(network, guided.bind(network, guide)).score
        assert score(own) > score(foreign)
