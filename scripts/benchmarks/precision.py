"""Whether a dream in bfloat16 is as strong as one in float32, judged in float32."""

from __future__ import annotations

from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from benchmarks import harness, scenes
from pipeline.frame import Image, to_image
from pipeline.gradient import Gradient

CASES = (
    ("efficientnet_lite0", "blocks.5"),
    ("efficientnet_lite0", "blocks.9"),
    ("efficientnet_lite0", "blocks.11"),
    ("efficientnet_lite0", "blocks.13"),
    ("efficientnet_lite2", "blocks.18"),
)
"""Networks and layers."""
CLOSE = 0.05
"""Largest difference of the gains, as a share of that in float32."""


def run(out: Path, clip: Path | None) -> tuple[dict[str, object], dict[str, bool]]:
    """Measure each case. Return the results, and requirement -> whether it is met."""
    if harness.device.type == "cpu":
        torch.set_num_threads(2)
    photograph = scenes.moving(1)
    image = to_image(photograph.shots[0], harness.device)
    table: dict[str, dict[str, float]] = {}
    for model, layer in CASES:
        words = [f"model={model}", f"objective.layers=[{layer}]"]
        exact, short = (
            harness.gradient([*words, f"precision={precision}"])
            for precision in ("float32", "bf16")
        )
        # as much noise as rounding to 8 bits adds: how much of the gradient is chance
        rng = torch.Generator().manual_seed(0)
        noise = (torch.rand(image.shape, generator=rng).to(image.device) - 0.5) / 255
        table[f"{model}, {layer}"] = row = {
            "gain in float32": _gain(photograph, exact, exact, words),
            "gain in bfloat16": _gain(photograph, short, exact, words),
            "agreement": _cosine(_direction(exact, image), _direction(short, image)),
            "agreement after noise": _cosine(
                _direction(exact, image), _direction(exact, image + noise)
            ),
        }
        print(model, layer, row, flush=True)
    checks = {
        f"{name}: gain {row['gain in bfloat16']:.2f} within {CLOSE:.0%} of "
        f"{row['gain in float32']:.2f}": abs(row["gain in bfloat16"] / row["gain in float32"] - 1)
        <= CLOSE
        for name, row in table.items()
    }
    return {"table": table}, checks


def _gain(
    photograph: scenes.Scene, gradient_fn: Gradient, judge: Gradient, words: list[str]
) -> float:
    """Return the gain of the dream over the photograph. judge: the gradient that measures it."""
    (dreamt,) = harness.rendered(photograph, words, gradient_fn)
    picture = to_image(photograph.shots[0], harness.device)
    return float(judge.score(dreamt.dream.image) / judge.score(picture))


def _direction(gradient_fn: Gradient, image: Image) -> Tensor:
    gradient, _ = gradient_fn(image)
    return gradient.flatten()


def _cosine(one: Tensor, other: Tensor) -> float:
    return float(F.cosine_similarity(one, other, dim=0))
