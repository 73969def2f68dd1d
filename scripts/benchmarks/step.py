"""One gradient step: over the bare network's, and the network over what the chip can do."""

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
"""Of a frame: what is done once for all of them is a share of each."""
THREADS = (1, 2)
SIDE = 2048
"""Of the matrices that are multiplied."""
BESIDE = ("view", "expand", "detach", "alias", "t.", "permute", "as_strided", "slice", "select")
"""Operations that move no numbers."""
PRECISIONS = ("float32", "bf16")
MOST, LEAST = 1.08, 0.85


class Counted(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """What every operation within does, (floating point operations, bytes read and written)."""

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
                bytes_ -= args[1].numel() * args[1].itemsize  # its input is named, and not read
            self.rows.append((_operations(name, args, out), bytes_))
        return out


def run(out: Path, clip: Path | None) -> tuple[dict[str, object], dict[str, bool]]:
    """Return the figures, and which demands they meet. clip: a real one, bikes.mp4."""
    clip = harness.needed(clip, "step")
    told: dict[str, object] = {}
    met: dict[str, bool] = {}
    # of depthwise layers there is no telling what a chip owes them: their bytes are counted
    for peer, least in ((comparison.lite0(), None), (comparison.googlenet(out), LEAST)):
        for precision in PRECISIONS if has_bfloat16(harness.CPU) else PRECISIONS[:1]:
            name = f"{peer.name}, {precision}"
            told[name] = rows = _rows(
                name, [f"input={clip}", "width=640", *peer.words, f"precision={precision}"]
            )
            best = rows[THREADS[-1]]
            ratio, quickest = best["step over bare"], min(row["bare ms"] for row in rows.values())
            met[f"{name}: a step over the bare network {ratio:.3f} <= {MOST}"] = ratio <= MOST
            met[f"{name}: as many threads as cores are quickest"] = best["bare ms"] == quickest
            if least is not None:
                share = best["GFLOP/s"] / best["chip's GFLOP/s"]
                met[f"{name}: sums over the chip's own rate {share:.2f} >= {least}"] = (
                    share >= least
                )
    return told, met


def _rows(name: str, words: Sequence[str]) -> dict[int, dict[str, float]]:
    """Return the times of a network, and what they come to, by the number of threads."""
    picture = to_image(next(harness.stage("source", words).pictures()), harness.CPU)
    gradient_fn = harness.gradient(words)
    bare, ready = Bare.of(gradient_fn), picture.contiguous(memory_format=torch.channels_last)
    dreamer = harness.stage("dreamer", ["dreamer.octaves=1", f"dreamer.iterations={STEPS}"])
    step = partial(baselines.dreamt, picture, gradient_fn, dreamer)
    rows = {}
    for threads in THREADS:
        torch.set_num_threads(threads)
        rows[threads] = _rated(partial(bare, ready), step, bare.kind)
        print(
            f"{name}, {threads} threads: "
            + ", ".join(f"{key} {value:.3g}" for key, value in rows[threads].items()),
            flush=True,
        )
    return rows


@dataclass(frozen=True)
class Bare:
    """A cut network with a score and nothing else. kind: the numbers that it computes in."""

    cut: Cut
    layer: str
    aim: BoundObjective
    kind: torch.dtype

    @staticmethod
    def of(gradient_fn: Gradient) -> Bare:
        """Return what is run for this gradient, which is asked of one layer."""
        model, (layer,) = gradient_fn.model, gradient_fn.objective.layers
        kind = model.kind if isinstance(model, ReducedPrecision) else torch.float32
        network = model.model if isinstance(model, ReducedPrecision) else model
        assert isinstance(network, Network)
        return Bare(network._cut((layer,)), layer, gradient_fn.objective, kind)

    @torch.enable_grad()
    def __call__(self, picture: Image) -> Tensor:
        """Forward and backward. picture: channels-last, as the network wants it."""
        ready = picture.detach().requires_grad_()
        with torch.autocast("cpu", torch.bfloat16, enabled=self.kind == torch.bfloat16):
            seen: Mapping[str, Any] = self.cut(ready)
        score = total(self.aim.terms({self.layer: seen[self.layer].float()}).values())
        return torch.autograd.grad(score, ready)[0]


def _rated(
    bare: Callable[[], object], step: Callable[[], object], kind: torch.dtype
) -> dict[str, float]:
    """Times in turns, and what they come to. kind: of the numbers."""
    with Counted() as counted:
        bare()
    product, convolution, copy = _matrices(kind), _maps(kind), _memory()
    spans = _in_turns([bare, step, product[0], convolution[0], copy[0]])
    rates = [
        amount / span
        for (_, amount), span in zip((product, convolution, copy), spans[2:], strict=True)
    ]
    peak, bandwidth = max(rates[:2]), rates[2]
    operations, bytes_ = (sum(column) for column in zip(*counted.rows, strict=True))
    # each operation takes as long as its sums or its memory, whichever is longer
    least = sum(max(sums / peak, moved / bandwidth) for sums, moved in counted.rows)
    return {
        "bare ms": spans[0] * 1e3,
        "step over bare": spans[1] / STEPS / spans[0],
        "GFLOP/s": operations / spans[0] / 1e9,
        "chip's GFLOP/s": peak / 1e9,
        "GB/s": bytes_ / spans[0] / 1e9,
        "chip's GB/s": bandwidth / 1e9,
        "share of the roof": least / spans[0],
    }


def _in_turns(ways: Sequence[Callable[[], object]]) -> list[float]:
    """Return seconds of each, the median of many rounds, so that all see the same load."""
    spans: list[list[float]] = [[] for _ in ways]
    for turn in range(ROUNDS + 2):
        for way, found in zip(ways, spans, strict=True):
            began = time.perf_counter()
            way()
            if turn >= 2:  # the first times are slower
                found.append(time.perf_counter() - began)
    return [statistics.median(found) for found in spans]


def _matrices(kind: torch.dtype) -> tuple[Callable[[], object], int]:
    """Return a product of matrices, and its operations."""
    one = torch.rand(SIDE, SIDE, dtype=kind)
    return partial(torch.mm, one, one), 2 * SIDE**3


def _maps(kind: torch.dtype) -> tuple[Callable[[], object], int]:
    """Return a dense convolution, which is as good as they come, and its operations."""
    maps = torch.rand(1, 256, 64, 64, dtype=kind).contiguous(memory_format=torch.channels_last)
    weight = torch.rand(256, 256, 3, 3, dtype=kind).contiguous(memory_format=torch.channels_last)
    return partial(F.conv2d, maps, weight, padding=1), 2 * maps.numel() * 256 * 9


def _memory() -> tuple[Callable[[], object], int]:
    """Return a copy far larger than the caches, and its bytes, read and written."""
    source = torch.rand(1 << 26)
    target = torch.empty_like(source)
    return partial(target.copy_, source), 2 * source.numel() * source.itemsize


def _operations(name: str, args: Sequence[Any], out: object) -> int:
    """Of a convolution, or of its way back to the input; of others none: their memory counts."""
    if "convolution_backward" in name:
        made, weight = args[0], args[2]
    elif "convolution" in name:
        made, weight = out, args[1]
    else:
        return 0
    assert isinstance(made, Tensor)
    return int(2 * made.numel() * weight[0].numel())
