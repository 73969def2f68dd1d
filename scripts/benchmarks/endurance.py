"""Whether a zoom stays alive for thousands of frames: with the governor, and without."""

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
"""Frames that a dream takes to grow out of the noise."""
APART = 60
"""Frames between two that are compared: two seconds."""
EARLY = slice(150, 250)
"""Frames around 200, whose distances those of all later ones are compared with."""
WINDOW = 100
"""Frames over which distances are averaged."""
HELD = ("luminance", "contrast", "chroma", "high_band")
FEATURES = "blocks.15"
"""The last block of the default model: what the network takes the picture for."""
WORDS = ("recipe=zoom", "width=192", "height=108", f"frames={FRAMES}", f"source.seconds={FRAMES}")


@dataclass
class Life:
    """Figures of each frame."""

    vitals: dict[str, list[float]] = field(default_factory=dict)
    distances: list[float] = field(default_factory=list)
    pictures: list[Picture] = field(default_factory=list)


def run(out: Path, clip: Path | None) -> tuple[dict[str, object], dict[str, bool]]:
    """Print both lives; the figures, and which demands the governed one meets."""
    torch.set_num_threads(2)
    gradient_fn = harness.gradient(WORDS)
    lives = {"governed": _lived(gradient_fn), "free": _lived(gradient_fn, "governor=none")}
    figures: dict[str, object] = {}
    for name, life in lives.items():
        figures[name] = told = _told(life)
        for figure, values in told.items():
            print(f"{name:9s} {figure:10s} {' '.join(f'{k} {v:+.3f}' for k, v in values.items())}")
        _sheet(out / f"endurance-{name}.png", life.pictures)
    told = _told(lives["governed"])
    met = {}
    for name in HELD:
        low, high = told[name]["low"], told[name]["high"]
        met[f"{name} within +-15 % of its median ({low:+.3f} {high:+.3f})"] = (
            max(-low, high) <= 0.15
        )
    clipped, least = told["clipped"]["most"], told["distance"]["least"]
    met[f"clipped share {clipped:.3f} under 0.05"] = clipped < 0.05
    met[f"distance of frames {APART} apart at least half of that at 200 ({least:.2f})"] = (
        least >= 0.5
    )
    return figures, met


def _lived(gradient_fn: Gradient, *words: str) -> Life:
    given = [*WORDS, *words]
    life, before = Life(), deque[Tensor](maxlen=APART)
    for dreamt in harness.rendered(harness.stage("source", given), given, gradient_fn):
        image = dreamt.dream.image
        for name, value in asdict(image_statistics(image)).items():
            life.vitals.setdefault(name, []).append(float(value))
        seen = _seen(gradient_fn, image)
        if len(before) == APART:
            life.distances.append(1 - float(torch.cosine_similarity(seen, before[0], dim=0)))
        before.append(seen)
        if dreamt.frame.index % (FRAMES // 12) == FRAMES // 12 - 1:
            life.pictures.append(to_picture(image))
    return life


@torch.no_grad()
def _seen(gradient_fn: Gradient, image: Tensor) -> Tensor:
    """Return what the network sees, wherever in the picture: (C,)."""
    seen: Tensor = gradient_fn.model(image, [FEATURES])[FEATURES].mean(dim=(0, 2, 3))
    return seen


def _told(life: Life) -> dict[str, dict[str, float]]:
    """Return the figures of a life, frames SETTLED on."""
    told: dict[str, dict[str, float]] = {}
    for name in HELD:
        values = np.array(life.vitals[name][SETTLED:])
        median = float(np.median(values))
        told[name] = {
            "median": median,
            "low": float(values.min()) / median - 1,
            "high": float(values.max()) / median - 1,
        }
    told["clipped"] = {"most": max(life.vitals["clipped"][SETTLED:])}
    distances: npt.NDArray[np.float64] = np.array(life.distances)
    early = float(distances[EARLY.start - APART : EARLY.stop - APART].mean())
    later = np.convolve(distances[EARLY.stop - APART :], np.ones(WINDOW) / WINDOW, "valid")
    told["distance"] = {
        "at_200": early,
        "least": float(later.min()) / early,
        "mean": float(later.mean()) / early,
    }
    return told


def _sheet(path: Path, pictures: list[Picture]) -> None:
    rows = [np.hstack(pictures[i : i + 4]) for i in range(0, len(pictures), 4)]
    cv2.imwrite(str(path), cv2.cvtColor(np.vstack(rows), cv2.COLOR_RGB2BGR))
