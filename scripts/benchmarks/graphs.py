"""Time of a gradient step on an NVIDIA GPU, with and without CUDA graphs."""

from __future__ import annotations

import itertools
import statistics
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import torch
from torch import Tensor

from benchmarks import baselines, comparison, harness
from benchmarks.tables.graphs import HEAD, row
from pipeline.errors import UserError
from pipeline.frame import Image
from pipeline.gradient import Gradient
from pipeline.model import Model
from pipeline.model.network.cuda_graphs import with_cuda_graphs
from pipeline.model.network.precision import with_precision

SIZES = ((272, 640), (1080, 1920))
PRECISIONS = ("float32", "tf32", "bf16", "fp16")
STEPS = 8
"""Gradient steps per frame: each includes its share of the work done once per frame."""
ROUNDS, TIMES = 3, 10


def run(out: Path, clip: Path | None) -> tuple[dict[str, object], dict[str, bool]]:
    """Return times in milliseconds, and requirement -> whether it is met. clip: not used."""
    if harness.device.type != "cuda":
        raise UserError(
            f"--device: must be cuda for graphs, got {harness.device}; add --device cuda"
        )
    results: dict[str, object] = {}
    checks: dict[str, bool] = {}
    print(*HEAD, sep="  ")
    dreamer = harness.stage("dreamer", ["dreamer.octaves=1", f"dreamer.iterations={STEPS}"])
    for peer in (comparison.lite0(), comparison.googlenet(out)):
        plain = harness.stage("model", peer.words)
        objective = harness.stage("objective", peer.words).bind(plain)
        layer = objective.layers[0]
        for size, precision in itertools.product(SIZES, PRECISIONS):
            image = torch.rand(1, 3, *size, generator=torch.Generator().manual_seed(0))
            image = image.to(harness.device)
            model = with_precision(plain, precision, harness.device)
            ways = model, with_cuda_graphs(model, "graphs", harness.device)
            gradients = [Gradient(way, objective) for way in ways for _ in range(2)]
            one, *_, other = [
                gradient_fn(image)[0] for gradient_fn in gradients
            ]  # recorded at the second call
            spans = [
                milliseconds(work) / steps
                for way in ways
                for work, steps in (
                    (partial(bare, way, layer, image), 1),
                    (partial(baselines.dreamt, image, Gradient(way, objective), dreamer), STEPS),
                )
            ]
            name = f"{peer.name}, {size[1]}x{size[0]}, {precision}"
            results[name] = spans
            print(*row(name, spans), sep="  ", flush=True)
            checks[f"{name}: the same bits"] = torch.equal(one, other)
            checks[f"{name}: a step as graphs {spans[3]:.2f} <= {spans[1]:.2f}"] = (
                spans[3] <= spans[1]
            )
    return results, checks


@torch.enable_grad()
def bare(model: Model, layer: str, image: Image) -> Tensor:
    """Return the gradient of the layer's mean square: one forward and backward pass."""
    leaf = image.detach().requires_grad_()
    return torch.autograd.grad(model(leaf, [layer])[layer].square().mean(), leaf)[0]


def milliseconds(work: Callable[[], object]) -> float:
    """Return the median over ROUNDS rounds of the mean time of a call, in milliseconds."""
    spans = []
    for turn in range(ROUNDS + 1):
        harness.wait()
        start = time.perf_counter()
        for _ in range(TIMES):
            work()
        harness.wait()
        if turn:  # the first round is slower
            spans.append((time.perf_counter() - start) / TIMES)
    return 1e3 * statistics.median(spans)
