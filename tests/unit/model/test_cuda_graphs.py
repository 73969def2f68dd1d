"""A recorded network: the very same bits, whatever is asked of it in between."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

import pytest
import torch
from helpers.graphs import noted
from helpers.stages import canvas_of, needs_gpu, octaves, toy_network
from torch import Tensor

from pipeline.errors import UserError
from pipeline.frame import Image
from pipeline.gradient import Gradient
from pipeline.gradient.oom_retry import OomRetry
from pipeline.gradient.tile_budget import TileBudget
from pipeline.model import Model
from pipeline.model.efficientnet_lite import efficientnet_lite
from pipeline.model.network.cuda_graphs import (
    MAX_RECORDINGS,
    CudaGraphModel,
    CudaGraphs,
    with_cuda_graphs,
)
from pipeline.model.network.precision import with_precision
from pipeline.model.several import Several
from pipeline.objective.norm import Norm
from pipeline.runtime.determinism import use_deterministic_kernels

T = TypeVar("T")
CPU = torch.device("cpu")


class Counting:
    """A Recorder that tells how often it was used and played."""

    def __init__(self) -> None:
        self.used = self.played = 0

    def __call__(self, work: Callable[[], T]) -> tuple[T, Callable[[], None]]:
        self.used += 1
        given, again = noted(work)

        def play() -> None:
            self.played += 1
            again()

        return given, play


class Failing:
    """A Recorder that fails so, from its n-th use on."""

    def __init__(self, error: Exception, first: int = 0) -> None:
        self.error, self.left = error, first

    def __call__(self, work: Callable[[], T]) -> tuple[T, Callable[[], None]]:
        self.left -= 1
        if self.left < 0:
            raise self.error
        return noted(work)


def picture(seed: int, height: int = 48, width: int = 64) -> Image:
    """Noise."""
    return torch.rand(1, 3, height, width, generator=torch.Generator().manual_seed(seed))


def aim(*layers: str) -> Norm:
    """The norm of these layers."""
    return Norm(layers=layers, weights=None)


def same(one: tuple[Tensor, Tensor], other: tuple[Tensor, Tensor]) -> bool:
    """Whether gradients and scores are equal, bit for bit."""
    return all(torch.equal(a, b) for a, b in zip(one, other, strict=True))


@pytest.mark.parametrize("layers", [("second",), ("first", "third"), ("third", "first", "second")])
def test_a_recorded_gradient_has_the_same_bits(layers: tuple[str, ...]) -> None:
    network, recorder = toy_network(), Counting()
    plain, ours = (
        Gradient(model, aim(*layers)) for model in (network, CudaGraphModel(network, recorder))
    )
    images = [picture(seed, *size) for seed in range(4) for size in ((48, 64), (40, 40))]
    assert all(same(plain(image), ours(image)) for image in images)
    # of each size one forward and as many ways back as layers, behind a first time without
    assert recorder.used == 2 * (1 + len(layers))
    assert recorder.played == 2 * 3 * (1 + len(layers))


def test_tiles_are_recorded_too() -> None:
    network, image = toy_network(), picture(0, 192, 224)
    room = TileBudget(96, None)
    plain = Gradient(network, aim("second"), room)
    recorder = Counting()
    ours = Gradient(CudaGraphModel(network, recorder), aim("second"), replace(room))
    assert ours.is_tiled(image)
    assert same(plain(image), ours(image))
    assert recorder.played > 3


def test_several_networks_are_one_recording() -> None:
    several = Several({"a": toy_network(), "b": toy_network()})
    recorder = Counting()
    layers = ("a.second", "b.third")
    plain, ours = (
        Gradient(model, aim(*layers)) for model in (several, CudaGraphModel(several, recorder))
    )
    assert all(same(plain(picture(seed)), ours(picture(seed))) for seed in range(3))
    assert recorder.used == 3


def test_halves_are_recorded_too() -> None:
    halved = with_precision(toy_network(), "bf16", CPU)
    plain, ours = (Gradient(m, aim("second")) for m in (halved, CudaGraphModel(halved, noted)))
    assert all(same(plain(picture(seed)), ours(picture(seed))) for seed in range(3))


def test_what_is_asked_without_a_gradient_may_be_kept() -> None:
    network = toy_network()
    ours = CudaGraphModel(network, noted)
    gradient = Gradient(ours, aim("second"))
    kept = ours(picture(0), ["second"])["second"]
    before = kept.clone()
    for seed in range(1, 4):
        gradient(picture(seed))
        ours(picture(seed), ["second"])
    assert torch.equal(kept, before)


def test_a_way_back_that_is_gone_is_no_gradient() -> None:
    ours = CudaGraphModel(toy_network(), noted)
    images = [picture(seed).requires_grad_() for seed in range(3)]
    seen = [ours(image, ["second"])["second"].sum() for image in images]
    torch.autograd.grad(seen[0], images[0])  # it was not recorded
    with pytest.raises(RuntimeError, match="called again"):
        torch.autograd.grad(seen[1], images[1])
    torch.autograd.grad(seen[2], images[2])


def test_a_frame_dreamt_with_a_recorded_network_has_the_same_bits() -> None:
    network, image = toy_network(), picture(0, 64, 96)

    def dreamt(model: Model) -> Tensor:
        gradient, rng = Gradient(model, aim("second")), torch.Generator().manual_seed(0)
        return OomRetry(octaves())(canvas_of(image), gradient, rng, memory={}).image

    assert torch.equal(dreamt(CudaGraphModel(network, noted)), dreamt(network))


@pytest.mark.parametrize("first", [0, 1, 2])
@pytest.mark.parametrize(
    ("error", "said"),
    [
        (torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB"), ""),
        (RuntimeError("operation not permitted when stream is capturing\nmore"),
         "compile: none from now on, because this network cannot be recorded: operation not "
         "permitted when stream is capturing"),
    ],
)  # fmt: skip
def test_what_cannot_be_recorded_is_run(
    error: Exception, said: str, first: int, caplog: pytest.LogCaptureFixture
) -> None:
    network = toy_network()
    plain = Gradient(network, aim("second"))
    ours = Gradient(CudaGraphModel(network, Failing(error, first)), aim("second"))
    sizes = [(48, 64)] * 3 + [(40, 40)] * 3
    with caplog.at_level(logging.WARNING):
        for seed, size in enumerate(sizes):
            assert same(plain(picture(seed, *size)), ours(picture(seed, *size)))
    assert [record.getMessage() for record in caplog.records] == ([said] if said else [])


def test_recordings_do_not_pile_up() -> None:
    ours = CudaGraphModel(toy_network(), noted)
    gradient = Gradient(ours, aim("first"))
    for side in range(16, 16 + MAX_RECORDINGS + 8):
        gradient(picture(0, side, side))
        gradient(picture(1, side, side))
    assert len(ours._tapes) == MAX_RECORDINGS


def test_elsewhere_than_on_an_nvidia_gpu_nothing_is_recorded() -> None:
    network = toy_network()
    assert with_cuda_graphs(network, "auto", CPU) is network
    assert with_cuda_graphs(network, "none", torch.device("cuda")) is network
    with pytest.raises(
        UserError, match=r"^compile: must be auto or none without an NVIDIA GPU, got graphs on cpu"
    ):
        with_cuda_graphs(network, "graphs", CPU)


@needs_gpu
@pytest.mark.usefixtures("any_bits")
@pytest.mark.parametrize("precision", ["float32", "auto", "bf16", "fp16"])
@pytest.mark.parametrize("layers", [("blocks.7",), ("blocks.3", "blocks.9")])
def test_a_gpu_gives_the_same_bits_in_a_graph(precision: str, layers: tuple[str, ...]) -> None:
    device = torch.device("cuda")
    use_deterministic_kernels(device)
    model = with_precision(efficientnet_lite(version=0), precision, device)
    plain, ours = (Gradient(m, aim(*layers)) for m in (model, CudaGraphModel(model, CudaGraphs())))
    sizes = [(272, 640), (136, 320), (200, 328)]
    images = [picture(seed, *size).to(device) for seed in range(4) for size in sizes]
    assert all(same(plain(image), ours(image)) for image in images)
