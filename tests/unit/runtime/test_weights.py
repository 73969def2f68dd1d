"""A file in torchvision's cache is used, and a missing one is one clear line."""

from __future__ import annotations

import argparse
import hashlib
import logging
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
import torchvision
from helpers.sampling import every
from safetensors.torch import save_file
from torch import Tensor, nn
from torchvision.models import get_model_weights

from pipeline.errors import UserError
from pipeline.model.torchvision import AUXILIARY, bare_network, classifier
from pipeline.runtime.weights import read_labels, with_own_weights, with_weights

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
    assert line.startswith(
        "model: must have weights that are in the cache or can be downloaded, got "
    )
    assert "the network is unreachable" in line
    assert f"download {WEIGHTS.url} to {hub / NAME}" in line
    assert line.endswith("or set model=efficientnet_lite0, which needs no download")
    assert "\n" not in line


def test_the_place_that_is_told_is_the_place_that_is_looked_at(hub: Path) -> None:
    with pytest.raises(UserError) as error:
        loaded()
    told = Path(str(error.value).rpartition(" to ")[2].partition(", or ")[0])
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


def squeezenet(classes: int) -> nn.Module:
    return bare_network("squeezenet1_1", classes)


def own(path: Path) -> tuple[nn.Module, str, int]:
    return with_own_weights(squeezenet, path, name="squeezenet1_1", key="model.weights")


def state(classes: int = 7) -> dict[str, Tensor]:
    return squeezenet(classes).state_dict()


def test_a_file_of_ones_own_says_how_many_classes_it_has(tmp_path: Path) -> None:
    weights = state(365)
    save_file(weights, tmp_path / "own.pth")  # told by its content, not by its name
    module, sha256, count = own(tmp_path / "own.pth")
    assert count == 365
    assert sha256 == hashlib.sha256((tmp_path / "own.pth").read_bytes()).hexdigest()
    assert all(torch.equal(module.state_dict()[name], weights[name]) for name in weights)


@pytest.mark.parametrize("wrapper", ["state_dict", "model"])
@pytest.mark.parametrize("old", [True, False])
def test_a_checkpoint_of_parallel_training_is_understood(
    tmp_path: Path, wrapper: str, *, old: bool
) -> None:
    # as Places365's are: {"epoch": ..., "arch": ..., "state_dict": {"module.features...": ...}}
    weights = state(365)
    held = {f"module.{name}": tensor for name, tensor in weights.items()}
    checkpoint = {"epoch": 90, "arch": "squeezenet1_1", wrapper: held}
    torch.save(checkpoint, tmp_path / "x.pth.tar", _use_new_zipfile_serialization=not old)
    module, _, count = own(tmp_path / "x.pth.tar")
    assert count == 365
    assert torch.equal(module.state_dict()["features.0.bias"], weights["features.0.bias"])


def test_older_files_lack_what_nothing_needs(tmp_path: Path) -> None:
    weights = bare_network("mnasnet0_5", 3).state_dict()
    kept = {name: value for name, value in weights.items() if "num_batches" not in name}
    assert len(kept) < len(weights)
    torch.save(kept, tmp_path / "x.pth")
    build = lambda count: bare_network("mnasnet0_5", count)  # noqa: E731
    assert with_own_weights(build, tmp_path / "x.pth", name="", key="")[2] == 3


def test_heads_that_only_training_needs_are_left_aside(tmp_path: Path) -> None:
    whole = torchvision.models.googlenet(num_classes=5, init_weights=False).state_dict()
    torch.save(whole, tmp_path / "x.pth")
    build = lambda count: bare_network("googlenet", count)  # noqa: E731
    found = with_own_weights(build, tmp_path / "x.pth", name="", key="", aside=AUXILIARY)
    assert found[2] == 5
    assert found[0].transform_input is True  # as the published weights expect it


@pytest.mark.parametrize(
    ("name", "layer"),
    every(4, [("squeezenet1_1", "features.3"), ("mobilenet_v3_small", "features.3"),
              ("resnet18", "layer1"), ("vit_b_32", "encoder.layers.encoder_layer_0")])
)  # fmt: skip
def test_weights_without_a_head_dream_layers_and_name_no_classes(
    tmp_path: Path, name: str, layer: str, caplog: pytest.LogCaptureFixture
) -> None:
    weights = bare_network(name, 7).state_dict()
    whole, features = tmp_path / "whole.pth", tmp_path / "features.pth"
    torch.save(weights, whole)
    head = ("classifier.", "fc.", "heads.")
    kept = {key: tensor for key, tensor in weights.items() if not key.startswith(head)}
    torch.save(kept, features)
    models = [classifier(name=name, weights=path, labels=None) for path in (whole, features)]
    assert [len(model.scores) for model in models] == [1, 0]
    picture = torch.rand(1, 3, 64, 64)
    maps = [model(picture, [layer])[layer] for model in models]
    assert torch.equal(*maps)
    with caplog.at_level(logging.INFO):
        classifier(name=name, weights=features, labels=None)
    assert "its layers can be dreamt, but no classes" in caplog.text
    (tmp_path / "names.txt").write_text("cat\n")
    with pytest.raises(UserError, match=r"^model.labels: must be null for weights without a head"):
        classifier(name=name, weights=features, labels=tmp_path / "names.txt")


@pytest.mark.parametrize(
    ("name", "layer"), [("googlenet", "conv2"), ("inception_v3", "Conv2d_2a_3x3")]
)
def test_networks_that_shift_their_input_see_what_they_were_trained_on(
    tmp_path: Path, name: str, layer: str
) -> None:
    whole = bare_network(name, 5)
    torch.save(whole.state_dict(), tmp_path / "x.pth")
    picture = torch.rand(1, 3, 96, 128)
    published = get_model_weights(name)["DEFAULT"].transforms()
    mean, deviation = (torch.tensor(of).view(3, 1, 1) for of in (published.mean, published.std))
    kept = []
    whole.eval().get_submodule(layer).register_forward_hook(lambda *seen: kept.append(seen[2]))
    whole((picture - mean) / deviation)
    ours = classifier(name=name, weights=tmp_path / "x.pth", labels=None)(picture, [layer])[layer]
    torch.testing.assert_close(ours, kept[0], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("change", "line"),
    [
        ({"features.3.squeeze.bias": None}, "without features.3.squeeze.bias"),
        ({"features.0.bias": torch.zeros(9)}, "in which features.0.bias is 9 instead of 64"),
        ({"features.0.weight": torch.zeros(64, 1, 3, 3)}, "is 64x1x3x3 instead of 64x3x3x3"),
        ({"fc.weight": torch.zeros(2)}, "with an additional fc.weight"),
        ({"classifier.1.weight": None}, "without classifier.1.weight"),
    ],
)
def test_weights_that_do_not_fit_are_named(
    tmp_path: Path, change: dict[str, Tensor | None], line: str
) -> None:
    weights = {name: value for name, value in {**state(), **change}.items() if value is not None}
    save_file(weights, tmp_path / "x.safetensors")
    with pytest.raises(UserError) as error:
        own(tmp_path / "x.safetensors")
    assert str(error.value).startswith("model.weights: must contain weights of squeezenet1_1, got")
    assert line in str(error.value)


@pytest.mark.parametrize("held", [3, [1, 2], {"a": 1}, {"state_dict": {"a": "b"}}])
def test_a_file_without_tensors_is_refused(tmp_path: Path, held: object) -> None:
    torch.save(held, tmp_path / "x.pth")
    with pytest.raises(UserError, match=r"must contain named tensors, got .*x\.pth"):
        own(tmp_path / "x.pth")


def test_names_of_classes_are_read_one_a_line_or_as_places_has_them(tmp_path: Path) -> None:
    (tmp_path / "plain").write_text("tench\n great auk \n\ncrane\n")
    assert read_labels(tmp_path / "plain", 3, "k") == ("tench", "great auk", "crane")
    (tmp_path / "places").write_text("/a/airfield 0\n/a/apartment_building/outdoor 1\n")
    names = ("airfield", "apartment_building/outdoor")
    assert read_labels(tmp_path / "places", 2, "k") == names
    with pytest.raises(UserError, match="must name 365 classes, one per line, got 2 in"):
        read_labels(tmp_path / "places", 365, "k")
    with pytest.raises(UserError, match="must be a readable text file"):
        read_labels(tmp_path / "none", 2, "k")


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_are_no_numbers_are_named(tmp_path: Path, value: float) -> None:
    broken = state()
    name = next(name for name in broken if name.endswith("weight"))
    broken[name].view(-1)[3] = value
    torch.save(broken, tmp_path / "a.pth")
    with pytest.raises(
        UserError, match=r"^model\.weights: must contain .* in which .* is not finite; use"
    ):
        own(tmp_path / "a.pth")


FORMS: dict[str, Callable[[dict[str, Tensor]], object]] = {
    **{wrapper: lambda state, wrapper=wrapper: {wrapper: state, "epoch": 3}
       for wrapper in ("state_dict", "model_state_dict", "model", "net", "weights", "ema")},
    **{f"{prefix}*": lambda state, prefix=prefix: {f"{prefix}{k}": v for k, v in state.items()}
       for prefix in ("module.", "model.", "net.", "backbone.", "module.model.", "a.b.c.")},
    "within one another": lambda state: {"state_dict": {"model": state}},
    "prefix and counter": lambda state: {
        "state_dict": {f"model.{k}": v for k, v in state.items()} | {"n_averaged": torch.ones(())}
    },
    "numbers beside": lambda state: {**state, "epoch": 3, "name": "x", "loss": None},
    "arguments": lambda state: {"model": state, "args": argparse.Namespace(lr=0.1)},
    "adversarial training": lambda state: {
        "model": {f"module.{prefix}model.{k}": v for k, v in state.items()
                  for prefix in ("", "attacker.")}
        | {f"module.{prefix}.new_mean": torch.zeros(3, 1, 1)
           for prefix in ("normalizer", "attacker.normalize")},
        "optimizer": {"state": {}},
    },
    "numpy": lambda state: {"model": state, "best": np.float64(0.5), "step": np.int64(3)},
}  # fmt: skip


@pytest.mark.parametrize("form", FORMS)
def test_weights_are_found_in_usual_checkpoints(tmp_path: Path, form: str) -> None:
    state = squeezenet(7).state_dict()
    torch.save(FORMS[form](state), tmp_path / "w.pth")
    network, _, count = own(tmp_path / "w.pth")
    assert count == 7
    for name, tensor in network.state_dict().items():
        assert torch.equal(tensor, state[name])


def test_a_checkpoint_that_holds_itself_is_one_line(tmp_path: Path) -> None:
    held: dict[str, object] = {"epoch": 3}
    held["model"] = held
    torch.save(held, tmp_path / "w.pth")
    with pytest.raises(UserError, match="must contain named tensors"):
        own(tmp_path / "w.pth")


def test_sparse_weights_are_one_line(tmp_path: Path) -> None:
    state = {name: tensor.to_sparse() for name, tensor in squeezenet(7).state_dict().items()}
    torch.save(state, tmp_path / "w.pth")
    with pytest.raises(
        UserError, match=r"must contain dense tensors, .* is sparse; convert it with"
    ):
        own(tmp_path / "w.pth")
