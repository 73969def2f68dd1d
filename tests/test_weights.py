"""pipeline.weights: a file in torchvision's cache is used, and a missing one is one clear line."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
import torch
import torchvision
from torch import nn

from pipeline.errors import UserError
from pipeline.weights import with_weights

WEIGHTS = torchvision.models.SqueezeNet1_1_Weights.DEFAULT
NAME = Path(WEIGHTS.url).name


def loaded() -> tuple[nn.Module, str]:
    build = torchvision.models.squeezenet1_1
    return with_weights(build, WEIGHTS, key="model", without="model=efficientnet_lite0")


def test_a_file_in_the_cache_is_used_without_a_network(hub: Path) -> None:
    module = torchvision.models.squeezenet1_1(weights=None)
    torch.save(module.state_dict(), hub / NAME)
    network, sha256 = loaded()
    assert torch.equal(network.state_dict()["features.0.weight"], module.features[0].weight)
    assert sha256 == hashlib.sha256((hub / NAME).read_bytes()).hexdigest()


def test_without_file_and_network_one_line_says_what_to_put_where(hub: Path) -> None:
    with pytest.raises(UserError) as error:
        loaded()
    line = str(error.value)
    assert line.startswith("model: the weights must be readable, downloaded once, got ")
    assert "the network is unreachable" in line
    assert f"put {WEIGHTS.url} at {hub / NAME}" in line
    assert line.endswith("or use model=efficientnet_lite0, which needs none")
    assert "\n" not in line


def test_the_place_that_is_told_is_the_place_that_is_looked_at(hub: Path) -> None:
    with pytest.raises(UserError) as error:
        loaded()
    told = Path(str(error.value).partition(" at ")[2].partition(", or ")[0])
    torch.save(torchvision.models.squeezenet1_1(weights=None).state_dict(), told)
    assert isinstance(loaded()[0], nn.Module)


@pytest.mark.parametrize(
    "content",
    [b"", b"<html>404</html>", b"PK\x03\x04 half a file", b"version https://git-lfs"],
    ids=["empty", "page", "half", "pointer"],
)
def test_a_file_that_holds_no_weights_is_the_users_to_mend(hub: Path, content: bytes) -> None:
    (hub / NAME).write_bytes(content)
    with pytest.raises(UserError) as error:
        loaded()
    assert str(hub / NAME) in str(error.value)
    assert "\n" not in str(error.value)


def test_weights_of_another_network_are_the_users_to_mend(hub: Path) -> None:
    torch.save(torchvision.models.squeezenet1_0(weights=None).state_dict(), hub / NAME)
    with pytest.raises(UserError) as error:
        loaded()
    assert str(hub / NAME) in str(error.value)
    assert "\n" not in str(error.value)
