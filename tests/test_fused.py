"""Convolutions that do more in one pass: the same numbers, and only where nobody looks between."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from pipeline.model import traced
from pipeline.model.efficientnet_lite import efficientnet_lite
from pipeline.model.fused import Fused
from pipeline.model.padding import SamePadding
from pipeline.model.torchvision import untrained
from pipeline.model.traced import opened
from tests.cuts import graph, seen


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
    return sum(isinstance(part, Fused) for part in graph(module, layers).modules())


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
    slopes = []
    for _ in range(2):
        image = picture.clone().requires_grad_()
        activation = efficientnet_lite(version=0)(image, ["blocks.9"])["blocks.9"]
        slopes.append(torch.autograd.grad(activation.square().mean(), image)[0])
        plain()
    torch.testing.assert_close(*slopes, rtol=1e-4, atol=1e-4 * float(slopes[1].abs().max()))


def test_networks_of_others_are_fused_too(plain: Callable[[], None]) -> None:
    torch.manual_seed(0)
    module = opened(untrained("mobilenet_v2", 10).eval().requires_grad_(False))
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


@pytest.mark.parametrize("size", [(64, 96), (63, 96), (64, 95), (31, 47), (9, 11)])
@pytest.mark.parametrize(("kernel", "padding"), [(7, 3), (5, 2), (5, 0), (6, 1), (7, 5), (6, 2)])
def test_the_way_back_by_phases_is_the_same(
    kernel: int, padding: int, size: tuple[int, int], plain: Callable[[], None]
) -> None:
    torch.manual_seed(1)
    module = nn.Sequential(nn.Conv2d(3, 8, kernel, 2, padding), nn.ReLU(), nn.Conv2d(8, 4, 1))
    module = module.eval().requires_grad_(False)
    picture = torch.rand(1, 3, *size)
    assert fused_count(module, ["2"]) == 1
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
