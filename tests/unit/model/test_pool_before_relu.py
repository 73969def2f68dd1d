"""A maximum is taken before the ReLU: the same numbers, and only where nobody looks between."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from helpers.cuts import graph, seen
from torch import Tensor, nn

from pipeline.model.network import traced
from pipeline.model.network.traced import inline_modules
from pipeline.model.torchvision import bare_network


class Functional(nn.Module):
    """The ReLU and the pooling as functions; one ReLU has two readers."""

    def __init__(self, *, in_place: bool) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 8, 3, padding=1)
        self.second = nn.Conv2d(8, 8, 3, padding=1)
        self.in_place = in_place

    def forward(self, x: Tensor) -> Tensor:
        """Plain."""
        y = F.max_pool2d(F.relu(self.first(x), inplace=self.in_place), 3, 2, ceil_mode=True)
        z = F.relu(self.second(y))
        return F.max_pool2d(z, 2) + F.avg_pool2d(z, 2)


def order(module: nn.Module, layers: list[str]) -> str:
    """The operations of the cut, one after the other."""
    return " ".join(node.name for node in graph(module, layers).graph.nodes)


@pytest.fixture(autouse=True)
def nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is fused rounds otherwise, and other things are where the order is another."""
    monkeypatch.setattr(traced, "fuse_passes", lambda module: None)


@pytest.fixture
def plain(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Makes every later cut one in the order that was written."""
    return lambda: monkeypatch.setattr(traced, "pool_first", lambda module: None)


def stem(relu: nn.Module) -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(3, 8, 3), relu, nn.MaxPool2d(3, 2, padding=1), nn.Conv2d(8, 4, 1)
    )


@pytest.mark.parametrize(
    ("module", "layer"),
    [
        (stem(nn.ReLU()), "3"),
        (stem(nn.ReLU(inplace=True)), "3"),
        (stem(nn.ReLU6()), "3"),
        (stem(nn.ReLU(inplace=True)), "2"),
        (Functional(in_place=False), "add"),
        (Functional(in_place=True), "add"),
    ],
)
def test_either_order_gives_the_same_bits(
    module: nn.Module, layer: str, plain: Callable[[], None]
) -> None:
    module = module.eval().requires_grad_(False)
    picture = torch.rand(1, 3, 33, 46)
    ours, after = seen(module, [layer], picture), order(module, [layer])
    plain()
    theirs, before = seen(module, [layer], picture), order(module, [layer])
    assert after != before
    torch.testing.assert_close(ours, theirs, rtol=0, atol=0)


@pytest.mark.parametrize("between", ["0", "1"])
def test_what_lies_between_can_be_asked_for(between: str, plain: Callable[[], None]) -> None:
    module = stem(nn.ReLU(inplace=True)).eval().requires_grad_(False)
    picture = torch.rand(1, 3, 33, 46)
    ours, after = seen(module, [between, "3"], picture), order(module, [between, "3"])
    plain()
    torch.testing.assert_close(ours, seen(module, [between, "3"], picture), rtol=0, atol=0)
    assert after == order(module, [between, "3"])


@pytest.mark.parametrize("name", ["googlenet", "resnet18", "vgg11", "squeezenet1_1"])
def test_networks_that_pool_give_the_same_bits(name: str, plain: Callable[[], None]) -> None:
    layer = {"googlenet": "inception3a", "resnet18": "layer1"}.get(name, "features.6")
    torch.manual_seed(0)
    module = inline_modules(bare_network(name, 10).eval().requires_grad_(False))
    picture = torch.rand(1, 3, 64, 96)
    ours, after = seen(module, [layer], picture), order(module, [layer])
    plain()
    torch.testing.assert_close(ours, seen(module, [layer], picture), rtol=0, atol=0)
    assert after != order(module, [layer])
