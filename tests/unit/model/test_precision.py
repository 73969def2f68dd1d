"""Fewer digits: the same dream, in float32 outside, and nothing lost on the way back."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from helpers.stages import needs_gpu, toy_network
from torch import Tensor

from pipeline.errors import UserError
from pipeline.frame import Image
from pipeline.gradient import Gradient
from pipeline.model import Model
from pipeline.model.efficientnet_lite import efficientnet_lite
from pipeline.model.network.precision import TYPES, with_precision
from pipeline.objective.norm import Norm

CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def undone() -> Iterator[None]:
    """Whatever is set for the whole process is undone."""
    flags = (torch.backends.cudnn.conv, torch.backends.cuda.matmul)  # type: ignore[attr-defined]
    before = [flag.fp32_precision for flag in flags]
    yield
    for flag, precision in zip(flags, before, strict=True):
        flag.fp32_precision = precision


def picture(height: int = 96, width: int = 128) -> Image:
    """Noise, from dark to light."""
    noise = torch.rand(1, 3, height, width, generator=torch.Generator().manual_seed(3))
    return noise.lerp(torch.linspace(0, 1, width).expand_as(noise), 0.7)


def likeness(one: Tensor, other: Tensor) -> float:
    """The cosine between two gradients, however flat: 1 = the same direction."""
    one, other = ((gradient / gradient.abs().max()).cpu().flatten() for gradient in (one, other))
    return float(torch.cosine_similarity(one, other, 0))


def gradient(model: Model, layer: str, image: Image) -> Tensor:
    """What the norm of this layer asks of the image."""
    return Gradient(model, Norm(layers=(layer,), weights=None))(image)[0]


def test_whole_numbers_are_the_model_itself() -> None:
    network = toy_network()
    assert with_precision(network, "float32", CPU) is network


@pytest.mark.parametrize(
    ("told", "kind"),
    [
        ({"avx512_bf16": True, "amx_bf16": False}, torch.bfloat16),
        ({"amx_bf16": True}, torch.bfloat16),
        ({"avx2": True, "avx512_bf16": False}, None),
        ({}, None),
    ],
)
def test_by_itself_a_cpu_takes_bfloat16_where_it_computes_it(
    told: dict[str, bool], kind: torch.dtype | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: told, raising=False)
    network = toy_network()
    found = with_precision(network, "auto", CPU)
    assert getattr(found, "kind", None) == kind
    assert (found is network) == (kind is None)


def test_older_torch_does_not_tell_what_a_cpu_computes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(torch.cpu, "get_capabilities", raising=False)
    network = toy_network()
    assert with_precision(network, "auto", CPU) is network


@pytest.mark.parametrize(("name", "least"), [("bf16", 0.7), ("fp16", 0.95)])
def test_halves_lead_the_same_way(name: str, least: float) -> None:
    network, image = efficientnet_lite(version=0), picture(136, 200)
    halved = with_precision(network, name, CPU)
    seen = halved(image, ["blocks.7"])["blocks.7"]
    whole = network(image, ["blocks.7"])["blocks.7"]
    assert seen.dtype == torch.float32
    assert not torch.equal(seen, whole)  # it is computed otherwise
    assert likeness(seen, whole) > 0.99
    ours, theirs = gradient(halved, "blocks.7", image), gradient(network, "blocks.7", image)
    assert likeness(ours, theirs) > least
    assert float(ours.std()) == pytest.approx(float(theirs.std()), rel=0.1)


@pytest.mark.parametrize("name", TYPES)
def test_a_gradient_too_flat_for_half_a_number_is_kept(name: str) -> None:
    """A mean over a large picture divides by millions: 5 bits of an exponent end at 6e-8."""
    network, image, flat = toy_network(), picture().requires_grad_(), 1e-12

    def asked(seen: Tensor, share: float) -> Tensor:
        return torch.autograd.grad(seen, image, seen.detach() * share)[0]

    def halved() -> Tensor:
        return with_precision(network, name, CPU)(image, ["second"])["second"]

    whole = asked(network(image, ["second"])["second"], 1.0)
    assert likeness(asked(halved(), flat) / flat, whole) > 0.99
    assert torch.equal(asked(halved(), 2.0**-40) * 2.0**40, asked(halved(), 1.0))
    assert not asked(halved(), 0.0).any()
    with torch.autocast("cpu", TYPES[name]):
        bare = network(image, ["second"])["second"].float()
    assert bool(asked(bare, flat).any()) == (name == "bf16")  # without help, fp16 loses it


def test_of_several_layers_each_is_scaled_with_the_others() -> None:
    network, image = toy_network(), picture().requires_grad_()
    halved = with_precision(network, "fp16", CPU)

    def asked(model: Model, first: float, third: float) -> Tensor:
        seen = model(image, ["first", "third"])
        wanted = [seen["first"] * first, seen["third"] * third]
        return torch.autograd.grad(list(seen.values()), image, wanted)[0]

    for shares in ((1.0, 1.0), (1e-12, 1e-12), (1.0, 1e-12)):
        assert likeness(asked(halved, *shares), asked(network, *shares)) > 0.99


def test_only_a_gpu_has_tf32() -> None:
    with pytest.raises(
        UserError, match=r"^precision: must not be tf32 without an NVIDIA GPU .* got tf32 on cpu"
    ):
        with_precision(toy_network(), "tf32", CPU)


@needs_gpu
@pytest.mark.parametrize(
    ("name", "least"), [("float32", 0.9999), ("auto", 0.99), ("bf16", 0.7), ("fp16", 0.95)]
)
def test_a_gpu_leads_the_same_way(name: str, least: float) -> None:
    network, image = efficientnet_lite(version=0), picture(272, 640)
    expected = gradient(network, "blocks.7", image)
    device = torch.device("cuda")
    ours = gradient(with_precision(network, name, device), "blocks.7", image.to(device))
    assert likeness(ours, expected) > least
