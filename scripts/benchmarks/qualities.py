"""Flicker, gain and steps of each quality, where the motion is known."""

from __future__ import annotations

from pathlib import Path

import torch

from benchmarks import coherence, harness, scenes

FRAMES = 60
QUALITIES = ("draft", "normal", "fine")


def run(out: Path, clip: Path | None) -> tuple[dict[str, object], dict[str, bool]]:
    """Measure each quality. Return the results, and requirement -> whether it is met."""
    torch.set_num_threads(2)
    gradient_fn = harness.gradient()
    footage = scenes.moving(FRAMES)
    table: dict[str, dict[str, float]] = {}
    for quality in QUALITIES:
        dreams = coherence.dreamt_with(footage, gradient_fn, [f"quality={quality}"])
        table[quality] = coherence.measure(footage, gradient_fn, dreams).figures
        print(quality, table[quality], flush=True)
    draft, normal, fine = (table[quality] for quality in QUALITIES)
    checks = {
        "a better quality takes more steps": draft["steps"] < normal["steps"] < fine["steps"],
        "a better quality has more gain": draft["gain"] < normal["gain"] < fine["gain"],
        "a better quality flickers less": draft["flicker"] > normal["flicker"] > fine["flicker"],
    }
    return {"table": table}, checks
