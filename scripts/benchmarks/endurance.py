"""Whether a zoom keeps changing for thousands of frames, with and without the governor."""

from __future__ import annotations

from collections import deque
from dataclasses import asdict, dataclass, field
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from benchmarks import harness
from pipeline.frame import Picture, to_picture
from pipeline.gradient import Gradient
from pipeline.imaging.metrics import image_statistics

FRAMES = 3000
SETTLED = 100
"""Frames until a dream has grown out of the noise."""
APART = 60
"""Distance in frames between compared frames: two seconds."""
EARLY = slice(150, 250)
"""Frames around 200: the distances of all later frames are compared with theirs."""
WINDOW = 100
"""Number of frames over which distances are averaged."""
HELD = ("luminance", "contrast", "chroma", "high_band")
FEATURES = "blocks.15"
"""The last block of the default model, whose activations describe the content of a picture."""
WORDS = ("recipe=zoom", "width=192", "height=108", f"frames={FRAMES}", f"source.seconds={FRAMES}")


@dataclass
class Life:
    """Measurements of a render, frame by frame."""

    vitals: dict[str, list[float]] = field(default_factory=dict)
    distances: list[float] = field(default_factory=list)
    pictures: list[Picture] = field(default_factory=list)


def run(out: Path, clip: Path | None) -> tuple[dict[str, object], dict[str, bool]]:
    """Measure both renders. Return results, and requirement -> whether the governor meets it."""
    torch.set_num_threads(2)
    gradient_fn = harness.gradient(WORDS)
    lives = {"governed": _measure(gradient_fn), "free": _measure(gradient_fn, "governor=none")}
    results: dict[str, object] = {}
    for name, life in lives.items():
        results[name] = _summarize(life)
        _sheet(out / f"endurance-{name}.png", life.pictures)
    summary = _summarize(lives["governed"])
    checks = {}
    for name in HELD:
        low, high = summary[name]["low"], summary[name]["high"]
        checks[f"{name} within +-15 % of its median ({low:+.3f} {high:+.3f})"] = (
            max(-low, high) <= 0.15
        )
    clipped, min_distance = summary["clipped"]["most"], summary["distance"]["least"]
    checks[f"clipped share {clipped:.3f} under 0.05"] = clipped < 0.05
    checks[
        f"distance of frames {APART} apart at least half of that at 200 ({min_distance:.2f})"
    ] = min_distance >= 0.5
    return results, checks


def _measure(gradient_fn: Gradient, *words: str) -> Life:
    settings = [*WORDS, *words]
    life, before = Life(), deque[Tensor](maxlen=APART)
    for dreamt in harness.rendered(harness.stage("source", settings), settings, gradient_fn):
        image = dreamt.dream.image
        for name, value in asdict(image_statistics(image)).items():
            life.vitals.setdefault(name, []).append(float(value))
        features = _mean_features(gradient_fn, image)
        if len(before) == APART:
            life.distances.append(1 - float(torch.cosine_similarity(features, before[0], dim=0)))
        before.append(features)
        if dreamt.frame.index % (FRAMES // 12) == FRAMES // 12 - 1:
            life.pictures.append(to_picture(image))
    return life


@torch.no_grad()
def _mean_features(gradient_fn: Gradient, image: Tensor) -> Tensor:
    """Return the mean activation of each channel over the picture, (C,)."""
    features: Tensor = gradient_fn.model(image, [FEATURES])[FEATURES].mean(dim=(0, 2, 3))
    return features


def _summarize(life: Life) -> dict[str, dict[str, float]]:
    """Return the statistics of a render from frame SETTLED on."""
    summary: dict[str, dict[str, float]] = {}
    for name in HELD:
        values = np.array(life.vitals[name][SETTLED:])
        median = float(np.median(values))
        summary[name] = {
            "median": median,
            "low": float(values.min()) / median - 1,
            "high": float(values.max()) / median - 1,
        }
    summary["clipped"] = {"most": max(life.vitals["clipped"][SETTLED:])}
    distances: npt.NDArray[np.float64] = np.array(life.distances)
    early = float(distances[EARLY.start - APART : EARLY.stop - APART].mean())
    later = np.convolve(distances[EARLY.stop - APART :], np.ones(WINDOW) / WINDOW, "valid")
    summary["distance"] = {
        "at_200": early,
        "least": float(later.min()) / early,
        "mean": float(later.mean()) / early,
    }
    return summary


def _sheet(path: Path, pictures: list[Picture]) -> None:
    rows = [np.hstack(pictures[i : i + 4]) for i in range(0, len(pictures), 4)]
    cv2.imwrite(str(path), cv2.cvtColor(np.vstack(rows), cv2.COLOR_RGB2BGR))
