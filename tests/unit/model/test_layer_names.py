"""Layers by the names that other programs give them."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
import torchvision

from pipeline.errors import UserError
from pipeline.model import timm
from pipeline.model.layer_names import VGG, owner_of, rename_of
from pipeline.model.torchvision import bare_network, check_layers, torchvision_network

IMAGE = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(0))


@pytest.fixture(scope="module")
def googlenet() -> torch.nn.Module:
    torch.manual_seed(0)
    return torchvision_network(
        bare_network("googlenet", 10), side=224, mean=(0, 0, 0), deviation=(1, 1, 1),
        weights_sha256="", rename=rename_of("googlenet"),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("name", "own"),
    [
        ("mixed4c", "inception4c"),
        ("inception_4c/output", "inception4c"),
        ("inception4c", "inception4c"),
        ("conv2d2", "conv3"),
        ("conv2/3x3", "conv3"),
        ("pool1/3x3_s2", "maxpool1"),
        ("mixed3a_1x1", "inception3a.branch1"),
        ("inception_3b/5x5_reduce", "inception3b.branch3.0"),
        ("mixed5a_3x3", "inception5a.branch2.1"),
        ("mixed4e_pool_reduce", "inception4e.branch4.1"),
    ],
)
def test_a_layer_of_googlenet_has_three_names(
    name: str, own: str, googlenet: torch.nn.Module
) -> None:
    with torch.no_grad():
        activations = googlenet(IMAGE, [name, own])
    assert torch.equal(activations[name], activations[own])
    assert googlenet.channels(name) == googlenet.channels(own) == activations[own].shape[1]  # type: ignore[operator]
    assert googlenet.smallest_side([name]) == googlenet.smallest_side([own])  # type: ignore[operator]


@pytest.mark.parametrize("network", [*VGG, "vgg16_bn"])
def test_a_layer_of_vgg_has_the_name_that_it_has_in_caffe(network: str) -> None:
    with torch.device("meta"):
        features = torchvision.models.get_model(network, weights=None).features
    rename = rename_of(network)
    kinds = {"conv": torch.nn.Conv2d, "relu": torch.nn.ReLU, "pool": torch.nn.MaxPool2d}
    seen = []
    for block, count in enumerate(VGG[network.removesuffix("_bn")], 1):
        names = [f"{kind}{block}_{n}" for n in range(1, count + 1) for kind in ("conv", "relu")]
        for name in (*names, f"pool{block}"):
            place = int(rename(name).removeprefix("features."))
            assert isinstance(features[place], kinds[name[:4]]), name
            seen.append(place)
    assert seen == sorted(set(seen))
    assert seen[-1] == len(features) - 1


@pytest.mark.parametrize("name", ["mixed4f", "inception_4c/7x7", "conv1_9", "relu9_1", "anything"])
def test_an_unknown_name_stays_as_it_is(name: str) -> None:
    assert rename_of("googlenet")(name) == rename_of("vgg16")(name) == name


@pytest.mark.parametrize(
    ("layer", "owner"),
    [
        ("mixed4c", "model=googlenet"),
        ("inception4c", "model=googlenet"),
        ("inception_4c/output", "model=googlenet"),
        ("relu4_3", "model=vgg16"),
        ("features.22", "model=vgg16"),
        ("layer3", "model=resnet50"),
        ("Mixed_6b", "model=torchvision model.name=inception_v3"),
        ("blocks.99", ""),  # the network has other blocks
        ("nonsense", ""),
    ],
)
def test_a_layer_of_another_network_names_that(layer: str, owner: str) -> None:
    assert owner_of(layer, ["blocks.0", "blocks.1"]) == owner


def test_a_wrong_layer_is_found_without_weights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    check_layers("vgg16", ["features.3", "relu4_3"])
    check_layers("googlenet", ["mixed4c", "inception4c.branch1"])
    check_layers("no network", ["x"])
    with pytest.raises(UserError, match=r"got 'mixed9z'; similar names are .*inception"):
        check_layers("googlenet", ["mixed4c", "mixed9z"])
    with pytest.raises(UserError, match=r"got 'mixed4c', which is a layer of model=googlenet; set"):
        check_layers("resnet18", ["mixed4c"])
    assert not list(tmp_path.rglob("*.pth"))


def test_a_wrong_layer_of_timms_networks_is_found_without_weights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    pytest.importorskip("timm", reason="timm is not installed")
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    timm.check_layers("resnet18.a1_in1k", ["layer3.1"])
    timm.check_layers("swin_tiny_patch4_window7_224", ["layers.2"])
    timm.check_layers("no network", ["x"])
    with pytest.raises(UserError, match=r"got 'layer9'; similar names are .*layer"):
        timm.check_layers("resnet18.a1_in1k", ["layer3.1", "layer9"])
    assert not [*tmp_path.rglob("*.safetensors"), *caplog.records]
