"""Convolutions that do more in one pass: the same numbers, and only where nobody looks between."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from helpers.cuts import graph, seen
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from pipeline.model.efficientnet_lite import efficientnet_lite
from pipeline.model.network import traced
from pipeline.model.network.frozen_conv import FEW_BACKWARD, FEW_FORWARD
from pipeline.model.network.fused_conv import ConvChain, FusedConv
from pipeline.model.network.padding import SamePadding
from pipeline.model.network.traced import inline_modules
from pipeline.model.torchvision import bare_network


class Small(nn.Module):
    """A padded depthwise convolution with a batch norm and a ReLU6, between two plain ones."""

    def __init__(self, kernel: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 8, 3, padding=1)
        self.padding = SamePadding(kernel, 2)
        self.depthwise = nn.Conv2d(8, 8, kernel, 2, groups=8, bias=False)
        self.norm = nn.BatchNorm2d(8)
        self.cap = nn.ReLU6()
        self.last = nn.Conv2d(8, 4, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Plain."""
        y: Tensor = self.last(self.cap(self.norm(self.depthwise(self.padding(self.first(x))))))
        return y


def fused_count(module: nn.Module, layers: list[str]) -> int:
    """How many of the cut network's convolutions do more than one thing."""
    parts = [part for part in graph(module, layers).modules() if isinstance(part, FusedConv)]
    return sum(part.padded or part.cap is not None or part.phased for part in parts)


@pytest.fixture
def plain(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Makes every later cut one without such convolutions."""
    return lambda: monkeypatch.setattr(traced, "fuse_passes", lambda module: None)


@pytest.mark.parametrize("kernel", [3, 5])
@pytest.mark.parametrize("size", [(64, 96), (63, 96), (64, 95), (31, 47)])
def test_padding_and_cap_cost_no_difference(
    kernel: int, size: tuple[int, int], plain: Callable[[], None]
) -> None:
    torch.manual_seed(3)
    module = Small(kernel).eval().requires_grad_(False)
    module.depthwise.weight.mul_(20)  # so that the cap is met
    picture = torch.rand(1, 3, *size)
    assert fused_count(module, ["last"]) == 1
    ours = seen(module, ["last"], picture)
    plain()
    assert fused_count(module, ["last"]) == 0
    theirs = seen(module, ["last"], picture)
    torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-6)
    between = seen(module, ["norm"], picture)[0][0]
    assert (between > 6).any()
    assert (between < 0).any()


@pytest.mark.parametrize("layer", ["padding", "norm"])
def test_what_lies_between_can_be_asked_for(layer: str, plain: Callable[[], None]) -> None:
    module = Small(3).eval().requires_grad_(False)
    picture = torch.rand(1, 3, 64, 96)
    ours = seen(module, [layer, "last"], picture)
    plain()
    torch.testing.assert_close(ours, seen(module, [layer, "last"], picture))


def test_trained_weights_give_the_very_same(plain: Callable[[], None]) -> None:
    picture = torch.rand(1, 3, 136, 200)
    gradients = []
    for _ in range(2):
        image = picture.clone().requires_grad_()
        activation = efficientnet_lite(version=0)(image, ["blocks.9"])["blocks.9"]
        gradients.append(torch.autograd.grad(activation.square().mean(), image)[0])
        plain()
    torch.testing.assert_close(*gradients, rtol=1e-4, atol=1e-4 * float(gradients[1].abs().max()))


def test_networks_of_others_are_fused_too(plain: Callable[[], None]) -> None:
    torch.manual_seed(0)
    module = inline_modules(bare_network("mobilenet_v2", 10).eval().requires_grad_(False))
    picture = torch.rand(1, 3, 96, 128)
    assert fused_count(module, ["features.7"]) > 10
    ours = seen(module, ["features.7"], picture)
    plain()
    torch.testing.assert_close(ours, seen(module, ["features.7"], picture), rtol=1e-4, atol=1e-7)


def test_a_class_made_of_a_convolution_is_left_alone() -> None:
    class Doubled(nn.Conv2d):
        def forward(self, input: Tensor) -> Tensor:
            return 2 * super().forward(input)

    module = nn.Sequential(Doubled(3, 4, 3), nn.ReLU6()).eval().requires_grad_(False)
    assert fused_count(module, ["1"]) == 0


class Branching(nn.Module):
    """A ReLU that two convolutions read, one that is read and added, one that is called twice."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(3, 8, 3), nn.Conv2d(8, 8, 1)
        self.left, self.right = nn.Conv2d(8, 8, 3, padding=1), nn.Conv2d(8, 8, 1)
        self.twice = nn.Conv2d(8, 8, 3, padding=1)
        self.relu = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        """Plain."""
        y = F.relu(self.second(F.relu6(self.first(x), inplace=True)))
        z = F.relu(self.left(y)) + torch.relu(self.right(y))
        return z + self.twice(F.relu(self.twice(z))) + y


@pytest.mark.parametrize("layers", [["add_2"], ["relu_1", "add_2"], ["relu6", "add"]])
def test_gradients_that_others_see_are_left_as_they_are(
    layers: list[str], plain: Callable[[], None]
) -> None:
    torch.manual_seed(2)
    module = Branching().eval().requires_grad_(False)
    picture = torch.rand(1, 3, 24, 32) * 10
    assert fused_count(module, layers) >= 1
    ours = seen(module, layers, picture)
    plain()
    torch.testing.assert_close(ours, seen(module, layers, picture), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(
    ("layers", "chains"), [(["add_2"], [["first", "second"]]), (["relu6", "add"], [])]
)
def test_convolutions_are_joined_where_nothing_else_uses_what_lies_between(
    layers: list[str], chains: list[list[str]]
) -> None:
    module = graph(Branching().eval().requires_grad_(False), layers)
    names = {part: name for name, part in module.named_modules()}
    joined = [part for part in module.modules() if isinstance(part, ConvChain)]
    assert [[names[one] for one in chain.convolutions] for chain in joined] == [
        [f"second.convolutions.{k}" if name == "second" else name for k, name in enumerate(chain)]
        for chain in chains
    ]


def test_a_convolution_that_is_called_twice_is_left_alone() -> None:
    module = graph(Branching().eval().requires_grad_(False), ["add_2"])
    assert type(module.get_submodule("twice")) is nn.Conv2d


def test_a_chain_may_go_back_twice() -> None:
    module = graph(Small(3).eval().requires_grad_(False), ["last"])
    picture = torch.rand(1, 3, 32, 48, requires_grad=True)
    activation = module(picture)["last"]
    weight = torch.rand_like(activation)
    first, second = (
        torch.autograd.grad(activation, picture, weight, retain_graph=True)[0] for _ in range(2)
    )
    torch.testing.assert_close(first, second, rtol=0, atol=0)


def test_the_output_may_be_changed_in_place(plain: Callable[[], None]) -> None:
    layers = nn.Conv2d(3, 8, 1), nn.SiLU(inplace=True), nn.Conv2d(8, 4, 1), nn.SiLU(inplace=True)
    module = nn.Sequential(*layers).eval().requires_grad_(False)
    picture = torch.rand(1, 3, 24, 32)
    ours = seen(module, ["3"], picture)
    plain()
    torch.testing.assert_close(ours, seen(module, ["3"], picture), rtol=1e-4, atol=1e-7)


@pytest.mark.parametrize("cap", [nn.ReLU6(), nn.ReLU(), nn.Identity()])
@pytest.mark.parametrize(
    ("size", "convolutions_back"), [((25, 60), 0), ((60, 51), 0), ((91, 67), 2)]
)
def test_a_product_of_matrices_is_the_same(
    size: tuple[int, int], convolutions_back: int, cap: nn.Module, plain: Callable[[], None]
) -> None:
    assert 25 * 60 < FEW_FORWARD < 60 * 51 < FEW_BACKWARD < 91 * 67
    torch.manual_seed(5)
    layers = nn.Conv2d(3, 8, 1, bias=False), cap, nn.Conv2d(8, 4, 1)
    module = nn.Sequential(*layers).eval().requires_grad_(False)
    module[0].weight.data.mul_(20)  # so that the cap is met
    picture = torch.rand(1, 3, *size)
    with Backwards() as back:
        ours = seen(module, ["2"], picture)
    assert len(back.seen) == convolutions_back
    plain()
    torch.testing.assert_close(ours, seen(module, ["2"], picture), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("broken", ["0.weight", "0.bias", "1.running_mean"])
def test_no_number_stays_none(broken: str) -> None:
    parts = nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Conv2d(4, 4, 1)
    module = nn.Sequential(*parts).eval().requires_grad_(False)
    module.state_dict()[broken].view(-1)[0] = torch.nan
    assert seen(module, ["2"], torch.rand(1, 3, 16, 16))[0][0].isnan().any()


def test_a_convolution_with_hooks_is_left_alone(plain: Callable[[], None]) -> None:
    module = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Conv2d(4, 4, 1), nn.Conv2d(4, 4, 1))
    module = module.eval().requires_grad_(False)
    module[2].register_forward_hook(lambda *told: 2 * told[2])
    module[3].register_forward_pre_hook(lambda *told: (3 * told[1][0],))
    picture = torch.rand(1, 3, 16, 16)
    ours = seen(module, ["3"], picture)
    plain()
    torch.testing.assert_close(ours, seen(module, ["3"], picture))


class Backwards(TorchDispatchMode):
    """The numbers, and the kernels' channels, of every way back through a convolution within."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[tuple[torch.dtype, int]] = []

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> object:
        if func is torch.ops.aten.convolution_backward.default:
            self.seen.append((args[0].dtype, args[2].shape[1]))
        return func(*args, **(kwargs or {}))


@pytest.mark.skipif(
    not torch.ops.mkldnn._is_mkldnn_bf16_supported(),
    reason="oneDNN computes no bfloat16 on this processor",
)
def test_bfloat16_goes_through_onednn_and_only_depthwise_steps_of_two_back_in_float32() -> None:
    module = graph(Small(3).eval().requires_grad_(False), ["last"])
    picture = torch.rand(1, 3, 32, 48).contiguous(memory_format=torch.channels_last)
    with torch.autocast("cpu", torch.bfloat16), Backwards() as back:
        activation = module(picture.requires_grad_())["last"].float()
        torch.autograd.grad(activation.square().mean(), picture)
    assert back.seen == [(torch.bfloat16, 8), (torch.float32, 1), (torch.bfloat16, 3)]
    for part in module.modules():
        if isinstance(part, FusedConv):
            (found,) = part._frozen.values()
            assert found.weight.dtype == torch.bfloat16
            assert found.bias is not None
            assert found.bias.dtype == torch.float32


@pytest.mark.parametrize("network", ["small", "capped", "mobilenet_v2", "googlenet"])
def test_in_bfloat16_it_is_the_same_within_its_digits(network: str) -> None:
    """Depthwise steps of two go back by a way of their own; phases and caps are there too."""
    torch.manual_seed(4)
    if network == "small":
        module, layer = Small(3), "last"
    elif network == "capped":
        module, layer = nn.Sequential(nn.Conv2d(3, 8, 7, 2, 3), nn.ReLU6(), nn.Conv2d(8, 4, 1)), "2"
    else:
        layer = {"mobilenet_v2": "features.3", "googlenet": "inception3a"}[network]
        module = inline_modules(bare_network(network, 10))
    module = module.eval().requires_grad_(False)
    picture = torch.rand(1, 3, 64, 95).contiguous(memory_format=torch.channels_last)
    (exact,), gradient = seen(module, [layer], picture)
    with torch.autocast("cpu", torch.bfloat16):
        (rough,), rough_gradient = seen(module, [layer], picture)
    assert rough.dtype == torch.bfloat16
    assert rough_gradient.dtype == torch.float32
    exact, rough = exact.detach(), rough.detach()
    spread = float(exact.std())
    assert float((rough.float() - exact).std()) < 0.02 * spread
    assert not torch.equal(rough.float(), exact)
    likeness = torch.cosine_similarity(gradient.flatten(), rough_gradient.flatten(), 0)
    assert likeness > 0.99


def test_a_picture_in_fp16_goes_autocasts_own_way(plain: Callable[[], None]) -> None:
    torch.manual_seed(4)
    module, picture = Small(3).eval().requires_grad_(False), torch.rand(1, 3, 64, 96)
    with torch.autocast("cpu", torch.float16):
        ours = seen(module, ["last"], picture)
        plain()
        theirs = seen(module, ["last"], picture)
    assert ours[0][0].dtype == torch.float16
    torch.testing.assert_close(ours, theirs, rtol=0.02, atol=0.002)


@pytest.mark.parametrize("size", [(64, 96), (63, 96), (64, 95), (31, 47), (9, 11)])
@pytest.mark.parametrize(("kernel", "padding"), [(7, 3), (5, 2), (5, 0), (6, 1), (7, 5), (6, 2)])
def test_the_way_back_by_phases_is_the_same(
    kernel: int, padding: int, size: tuple[int, int], plain: Callable[[], None]
) -> None:
    torch.manual_seed(1)
    module = nn.Sequential(nn.Conv2d(3, 8, kernel, 2, padding), nn.ReLU(), nn.Conv2d(8, 4, 1))
    module = module.eval().requires_grad_(False)
    picture = torch.rand(1, 3, *size)
    assert graph(module, ["2"]).get_submodule("0").phased
    ours = seen(module, ["2"], picture)
    plain()
    assert fused_count(module, ["2"]) == 0
    torch.testing.assert_close(ours, seen(module, ["2"], picture), rtol=1e-4, atol=1e-7)


def test_a_capped_stem_goes_back_by_phases(plain: Callable[[], None]) -> None:
    torch.manual_seed(1)
    module = nn.Sequential(nn.Conv2d(3, 8, 7, 2, 3), nn.ReLU6(), nn.Conv2d(8, 4, 1))
    module[0].weight.data.mul_(20)
    module = module.eval().requires_grad_(False)
    picture = torch.rand(1, 3, 64, 95)
    ours = seen(module, ["2"], picture)
    plain()
    torch.testing.assert_close(ours, seen(module, ["2"], picture), rtol=1e-4, atol=1e-5)
