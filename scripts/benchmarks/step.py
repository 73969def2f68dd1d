"""Time of a gradient step relative to the bare network, and of that to the processor's limits."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from benchmarks import baselines, comparison, harness
from pipeline.frame import Image, to_image
from pipeline.gradient import Gradient
from pipeline.model.network.module import Cut, Network
from pipeline.model.network.precision import ReducedPrecision, has_bfloat16
from pipeline.objective import BoundObjective, total

ROUNDS = 15
STEPS = 4
"""Gradient steps per frame: each includes its share of the work done once per frame."""
THREADS = (1, 2)
SIDE = 2048
"""Number of rows and columns of the matrices that are multiplied."""
BESIDE = ("view", "expand", "detach", "alias", "t.", "permute", "as_strided", "slice", "select")
"""Prefixes of the names of operations that move no data."""
PRECISIONS = ("float32", "bf16")
MOST, LEAST = 1.08, 0.85


class Counted(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Counts, for every operation in its context, floating point operations and bytes moved."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.rows: list[tuple[int, int]] = []

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> object:
        out = func(*args, **(kwargs or {}))
        name = func.name().partition("::")[2]
        if not name.startswith(BESIDE):
            moved = [leaf for leaf in tree_leaves((args, kwargs, out)) if isinstance(leaf, Tensor)]
            bytes_ = sum(tensor.numel() * tensor.itemsize for tensor in moved)
            if "convolution_backward" in name:
                bytes_ -= args[1].numel() * args[1].itemsize  # the input is passed but not read
            self.rows.append((_operations(name, args, out), bytes_))
        return out


def run(out: Path, clip: Path | None) -> tuple[dict[str, object], dict[str, bool]]:
    """Return the results, and requirement -> whether it is met. clip: bikes.mp4."""
    clip = harness.needed(clip, "step")
    results: dict[str, object] = {}
    checks: dict[str, bool] = {}
    # a depthwise network is limited by memory, so no share of the peak rate is required of it
    for peer, minimum in ((comparison.lite0(), None), (comparison.googlenet(out), LEAST)):
        for precision in PRECISIONS if has_bfloat16(harness.CPU) else PRECISIONS[:1]:
            name = f"{peer.name}, {precision}"
            results[name] = rows = _rows(
                name, [f"input={clip}", "width=640", *peer.words, f"precision={precision}"]
            )
            best = rows[THREADS[-1]]
            ratio, quickest = best["step over bare"], min(row["bare ms"] for row in rows.values())
            checks[f"{name}: a step over the bare network {ratio:.3f} <= {MOST}"] = ratio <= MOST
            checks[f"{name}: as many threads as cores are quickest"] = best["bare ms"] == quickest
            if minimum is not None:
                share = best["GFLOP/s"] / best["chip's GFLOP/s"]
                checks[f"{name}: sums over the chip's own rate {share:.2f} >= {minimum}"] = (
                    share >= minimum
                )
    return results, checks


def _rows(name: str, words: Sequence[str]) -> dict[int, dict[str, float]]:
    """Print and return times and rates of a network, by number of threads."""
    picture = to_image(next(harness.stage("source", words).pictures()), harness.CPU)
    gradient_fn = harness.gradient(words)
    bare, input_ = Bare.of(gradient_fn), picture.contiguous(memory_format=torch.channels_last)
    dreamer = harness.stage("dreamer", ["dreamer.octaves=1", f"dreamer.iterations={STEPS}"])
    step = partial(baselines.dreamt, picture, gradient_fn, dreamer)
    rows = {}
    for threads in THREADS:
        torch.set_num_threads(threads)
        rows[threads] = _measure(partial(bare, input_), step, bare.kind)
        print(
            f"{name}, {threads} threads: "
            + ", ".join(f"{key} {value:.3g}" for key, value in rows[threads].items()),
            flush=True,
        )
    return rows


@dataclass(frozen=True)
class Bare:
    """A cut network with a score and nothing else. kind: the type that it computes in."""

    cut: Cut
    layer: str
    aim: BoundObjective
    kind: torch.dtype

    @staticmethod
    def of(gradient_fn: Gradient) -> Bare:
        """Return the bare network behind this gradient, whose objective must have one layer."""
        model, (layer,) = gradient_fn.model, gradient_fn.objective.layers
        kind = model.kind if isinstance(model, ReducedPrecision) else torch.float32
        network = model.model if isinstance(model, ReducedPrecision) else model
        assert isinstance(network, Network)
        return Bare(network._cut((layer,)), layer, gradient_fn.objective, kind)

    @torch.enable_grad()
    def __call__(self, picture: Image) -> Tensor:
        """Return the gradient: one forward and backward pass. picture: channels-last."""
        input_ = picture.detach().requires_grad_()
        with torch.autocast("cpu", torch.bfloat16, enabled=self.kind == torch.bfloat16):
            activations: Mapping[str, Any] = self.cut(input_)
        score = total(self.aim.terms({self.layer: activations[self.layer].float()}).values())
        return torch.autograd.grad(score, input_)[0]


def _measure(
    bare: Callable[[], object], step: Callable[[], object], kind: torch.dtype
) -> dict[str, float]:
    """Return times and rates, all measured in turns. kind: type of the numbers."""
    with Counted() as counted:
        bare()
    product, convolution, copy = _matmul(kind), _convolution(kind), _copy()
    spans = _in_turns([bare, step, product[0], convolution[0], copy[0]])
    rates = [
        amount / span
        for (_, amount), span in zip((product, convolution, copy), spans[2:], strict=True)
    ]
    peak, bandwidth = max(rates[:2]), rates[2]
    operations, bytes_ = (sum(column) for column in zip(*counted.rows, strict=True))
    # an operation takes at least its arithmetic or its memory traffic, whichever is longer
    minimum = sum(max(sums / peak, moved / bandwidth) for sums, moved in counted.rows)
    return {
        "bare ms": spans[0] * 1e3,
        "step over bare": spans[1] / STEPS / spans[0],
        "GFLOP/s": operations / spans[0] / 1e9,
        "chip's GFLOP/s": peak / 1e9,
        "GB/s": bytes_ / spans[0] / 1e9,
        "chip's GB/s": bandwidth / 1e9,
        "share of the roof": minimum / spans[0],
    }


def _in_turns(ways: Sequence[Callable[[], object]]) -> list[float]:
    """Return the median seconds of each, run in turns so that all see the same machine load."""
    spans: list[list[float]] = [[] for _ in ways]
    for turn in range(ROUNDS + 2):
        for way, times in zip(ways, spans, strict=True):
            start = time.perf_counter()
            way()
            if turn >= 2:  # the first rounds are slower
                times.append(time.perf_counter() - start)
    return [statistics.median(times) for times in spans]


def _matmul(kind: torch.dtype) -> tuple[Callable[[], object], int]:
    """Return a matrix product and its number of operations."""
    one = torch.rand(SIDE, SIDE, dtype=kind)
    return partial(torch.mm, one, one), 2 * SIDE**3


def _convolution(kind: torch.dtype) -> tuple[Callable[[], object], int]:
    """Return a dense convolution of an efficient size and its number of operations."""
    maps = torch.rand(1, 256, 64, 64, dtype=kind).contiguous(memory_format=torch.channels_last)
    weight = torch.rand(256, 256, 3, 3, dtype=kind).contiguous(memory_format=torch.channels_last)
    return partial(F.conv2d, maps, weight, padding=1), 2 * maps.numel() * 256 * 9


def _copy() -> tuple[Callable[[], object], int]:
    """Return a copy much larger than the caches and its number of bytes, read and written."""
    source = torch.rand(1 << 26)
    target = torch.empty_like(source)
    return partial(target.copy_, source), 2 * source.numel() * source.itemsize


def _operations(name: str, args: Sequence[Any], out: object) -> int:
    """Return the operations of a convolution, forward or backward to the input; else 0.

    Other operations are limited by memory.
    """
    if "convolution_backward" in name:
        output, weight = args[0], args[2]
    elif "convolution" in name:
        output, weight = out, args[1]
    else:
        return 0
    assert isinstance(output, Tensor)
    return int(2 * output.numel() * weight[0].numel())
