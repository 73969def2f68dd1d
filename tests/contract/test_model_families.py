"""pipeline.model.torchvision and timm: their networks, with random weights, can be dreamt with."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
import timm
import torch
import torchvision.models
from helpers.sampling import every
from helpers.stages import part, toy_network
from huggingface_hub.errors import LocalEntryNotFoundError
from safetensors.torch import save_file
from torch import nn

from pipeline.errors import UserError
from pipeline.gradient import Gradient
from pipeline.model.network.hooked import HookedNetwork
from pipeline.model.network.module import Network
from pipeline.model.network.traced import TracedNetwork
from pipeline.model.timm import built
from pipeline.model.timm import timm_network as of_timm
from pipeline.model.torchvision import AnySize, bare_network, torchvision_network
from pipeline.objective.norm import Norm

LOOK = {"mean": [0.5] * 3, "deviation": [0.25] * 3, "weights_sha256": "", "classes": ["x"] * 7}
CLASSIFIERS = torchvision.models.list_models(module=torchvision.models)
QUICK = ("alexnet", "squeezenet1_1", "vit_b_32")
KINDS = (
    *("convnext_tiny", "densenet121", "efficientnet_b0", "efficientnet_v2_s", "googlenet"),
    *("inception_v3", "maxvit_t", "mnasnet0_5", "mobilenet_v2", "mobilenet_v3_small"),
    *("regnet_x_400mf", "regnet_y_400mf", "resnet18", "resnet50", "resnext50_32x4d"),
    *("shufflenet_v2_x0_5", "swin_t", "swin_v2_t", "vgg11", "vgg11_bn"),
)
"""One network of each architecture: the others have more layers or channels of the same kinds."""
TIMM = (
    # convolutions, padded as TensorFlow does; tokens with registers or two class tokens; channels
    # last; only one size; no classes
    *("test_resnet", "test_vit", "test_convnext", "tf_mobilenetv3_small_minimal_100"),
    *("vit_tiny_patch16_224", "vit_small_patch16_dinov3", "deit_tiny_distilled_patch16_224"),
    *("swin_tiny_patch4_window7_224", "cait_xxs24_224", "mobilevit_xxs", "xcit_nano_12_p16_224"),
)


def classifier(name: str) -> Network:
    return torchvision_network(awake(bare_network(name, 7)), side=224, **LOOK)


def awake(module: nn.Module) -> nn.Module:
    """The module without weights that are all zero, as some have before they are trained."""
    for parameter in module.parameters():
        if parameter.ndim > 1 and not parameter.any():
            nn.init.normal_(parameter, std=0.02)
    return module


def check(model: Network) -> None:
    """A block in the middle and the class scores can be read, and have a gradient everywhere."""
    middle = model._blocks[len(model._blocks) // 2]
    for layer in (middle, *model.scores):
        side = model.smallest_side([layer])
        image = torch.rand(1, 3, side, side + 21, generator=torch.Generator().manual_seed(0))
        gradient, _ = Gradient(model, Norm((layer,), None))(image)
        assert gradient.shape == image.shape
        assert torch.isfinite(gradient).all()
        assert float(gradient.abs().max()) > 0, layer
        activation = model(image, [layer])[layer]
        assert activation.shape[:2] == (1, model.channels(layer))
        assert activation.ndim == 2 or min(activation.shape[2:]) >= 3
    # what follows does not overwrite it, in place or otherwise
    together = model(image, [middle, *model.scores])[middle]
    assert torch.allclose(together, model(image, [middle])[middle], rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("name", every(3, QUICK))
def test_a_few_classifiers_of_torchvision_can_be_dreamt_with(name: str) -> None:
    model = classifier(name)
    check(model)
    ((scores, _),) = model.scores.items()
    assert model.channels(scores) == 7


@pytest.mark.slow
@pytest.mark.parametrize("name", KINDS)
def test_classifiers_of_further_kinds_of_torchvision_can_be_dreamt_with(name: str) -> None:
    test_a_few_classifiers_of_torchvision_can_be_dreamt_with(name)


def test_every_module_of_torchvision_with_classifiers_is_tried() -> None:
    def modules(names: Iterable[str]) -> set[str]:
        return {torchvision.models.get_model_builder(name).__module__ for name in names}

    assert modules((*QUICK, *KINDS)) == modules(CLASSIFIERS)


@pytest.mark.parametrize("name", every(3, TIMM[:3]))
def test_a_few_networks_of_timm_can_be_dreamt_with(name: str) -> None:
    module = built(name)
    model = of_timm(awake(module), weights_sha256="", classes=())
    check(model)
    assert [model.channels(layer) for layer in model.scores] == [1000] * bool(module.num_classes)


@pytest.mark.slow
@pytest.mark.parametrize("name", TIMM[3:])
def test_networks_of_further_kinds_of_timm_can_be_dreamt_with(name: str) -> None:
    test_a_few_networks_of_timm_can_be_dreamt_with(name)


def test_torchvisions_transformer_for_any_size_says_what_it_says_at_its_own() -> None:
    vit = torchvision.models.VisionTransformer(
        image_size=32, patch_size=8, num_layers=2, num_heads=2, hidden_dim=16, mlp_dim=32
    ).eval()
    nn.init.normal_(vit.heads.head.weight)  # zero at first
    image = torch.rand(1, 3, 32, 32)
    with torch.no_grad():
        assert torch.allclose(AnySize(vit)(image), vit(image), atol=1e-6)
        assert AnySize(vit)(torch.rand(1, 3, 24, 64)).shape == (1, 1000)


def test_watched_and_traced_a_module_says_the_same() -> None:
    module = bare_network("resnet18", 7).eval()
    image = torch.rand(1, 3, 64, 64)
    names = ["layer2.0.bn1", "layer2", "fc"]
    with torch.no_grad():
        hooked = HookedNetwork(module, image)
        watched = hooked.cut(names, image.device)(image)
        traced = TracedNetwork(module, leaves=(), functions=()).cut(names, image.device)(image)
    assert [name for name in hooked.names if name in names] == names  # in the order of running
    assert list(watched) == names
    for name in names:
        given: Any = watched[name]
        assert torch.allclose(given, traced[name], rtol=1e-3, atol=1e-5), name  # type: ignore[arg-type]


class Fussy(nn.Module):
    """Asks about values, which cannot be traced; the last part is not for everyone."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(3, 4, 3, padding=1), nn.Conv2d(4, 5, 3, padding=1)
        self.dropout = nn.Dropout(0.5)
        self.calls = 0

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.first(x)
        if x.sum() > 1e9:
            return x
        x.mul_(-1)
        self.calls += 1
        return self.dropout(self.second(x))


def test_what_cannot_be_traced_is_watched_and_stopped_behind_the_deepest_layer() -> None:
    module = Fussy()
    model = toy_network(module)
    assert model.layers() == ["first", "second", "dropout"]
    image = torch.rand(1, 3, 20, 30)
    # a trial of tracing leaves no mode of training behind, in which nothing is seen twice alike
    looks = [model(image, ["dropout"])["dropout"] for _ in range(2)]
    assert torch.equal(*looks)
    calls = module.calls
    first = model(image, ["first"])["first"]
    assert module.calls == calls
    # what is done in place behind it is not seen
    assert torch.equal(model(image, ["first", "second"])["first"], first)
    assert model.smallest_side(["second"]) == 16
    with pytest.raises(UserError, match="similar names are second"):
        model(image, ["secnd"])


def test_what_no_picture_changes_is_no_layer() -> None:
    class Shifting(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.seen, self.shift = nn.Conv2d(3, 4, 3, padding=1), nn.Linear(1, 4)
            self.register_buffer("one", torch.ones(1, 1))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.seen(x) + self.shift(self.one)[:, :, None, None]

    model = toy_network(Shifting())
    assert "seen" in model.layers()
    with pytest.raises(UserError, match="got 'shift', which is an intermediate step"):
        model(torch.rand(1, 3, 20, 30), ["shift"])


def test_a_step_of_the_code_is_no_layer_and_says_so() -> None:
    model = classifier("vit_b_32")
    name = next(name for name in model._way.names if "getattr" in name or "getitem" in name)
    with pytest.raises(UserError, match="which is an intermediate step; similar names are"):
        model.channels(name)
    assert name not in model.layers()


def test_without_timm_one_line_says_how_to_have_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    line = r"^model: must have timm installed, got none; run: pip install timm$"
    with pytest.raises(UserError, match=line):
        part("model", "timm", name="resnet18")


def test_weights_that_timm_publishes_are_taken_from_where_its_hub_puts_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def download(repository: str, file: str, **_: object) -> str:
        asked.append((repository, file))
        path = tmp_path / file
        save_file(timm.create_model("test_resnet").state_dict(), path)
        return str(path)

    monkeypatch.setattr("huggingface_hub.hf_hub_download", download)
    model = part("model", "timm", name="test_resnet.r160_in1k")
    assert asked == [("timm/test_resnet.r160_in1k", "model.safetensors")]
    assert len(model.weights_sha256) == 64
    ((_, classes),) = model.scores.items()
    assert classes[281] == "tabby"


def test_weights_that_cannot_be_fetched_are_one_line_with_the_address(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise LocalEntryNotFoundError("no network\nand more")

    monkeypatch.setattr("huggingface_hub.hf_hub_download", refuse)
    with pytest.raises(UserError) as error:
        part("model", "timm", name="resnet18.a1_in1k")
    assert str(error.value) == (
        "model: must have weights that are in the cache or can be downloaded, got 'no network'; "
        "download https://huggingface.co/timm/resnet18.a1_in1k/resolve/main/model.safetensors and "
        "set model.weights=FILE, or model=efficientnet_lite0, which needs no download"
    )


def test_a_network_that_nobody_trained_wants_weights() -> None:
    with pytest.raises(UserError, match=r"which has none; set model\.weights=FILE"):
        part("model", "timm", name="botnet50ts_256")
