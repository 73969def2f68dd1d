"""Effect of each gradient filter and each penalty: one at a time, the rest at its default."""

from __future__ import annotations

import statistics
import time
from pathlib import Path

import cv2
import numpy as np
import torch

from benchmarks import harness, scenes
from benchmarks.coherence import Measured, dreamt_with, measure
from benchmarks.tables.shaping import DEFAULTS, row
from pipeline.frame import Picture, to_image
from pipeline.imaging.metrics import image_statistics

FRAMES = 24
VARIANTS = {
    DEFAULTS: [],
    "smoothing=0": ["dreamer.smoothing=0"],
    "smoothing=1.5": ["dreamer.smoothing=1.5"],
    "pyramid=4": ["dreamer.pyramid=4"],
    "falloff=0.5": ["dreamer.falloff=0.5"],
    "falloff=1": ["dreamer.falloff=1"],
    "decorrelation=1": ["dreamer.decorrelation=1"],
    "total_variation=0.5": ["dreamer.total_variation=0.5"],
    "distance=10": ["dreamer.distance=10"],
    "chroma=10": ["dreamer.chroma=10"],
}
COLUMNS = 3


def run(out: Path, clip: Path | None) -> tuple[dict[str, object], dict[str, bool]]:
    """Return the table; there are no requirements, as looks are a matter of taste."""
    torch.set_num_threads(2)
    footage, gradient_fn = scenes.moving(FRAMES), harness.gradient()
    picture = to_image(footage.shots[-1], harness.CPU)
    table: dict[str, dict[str, float]] = {}
    tiles: list[Picture] = []
    measure(
        footage, gradient_fn, dreamt_with(scenes.moving(2), gradient_fn, [])
    )  # the first run is slower
    for name, words in VARIANTS.items():
        start = time.perf_counter()
        measured = measure(footage, gradient_fn, dreamt_with(footage, gradient_fn, words))
        seconds = (time.perf_counter() - start) / FRAMES
        last = measured.pictures[FRAMES - 1]
        table[name] = _figures(measured, last, picture) | {"seconds": seconds}
        print(*row(name, table[name], table[DEFAULTS]), sep="  ", flush=True)
        tiles.append(_labelled(last, name))
    tiles += [np.full_like(tiles[0], 255)] * (-len(tiles) % COLUMNS)
    rows = [np.hstack(tiles[i : i + COLUMNS]) for i in range(0, len(tiles), COLUMNS)]
    cv2.imwrite(str(out / "shaping.png"), np.vstack(rows)[..., ::-1])
    return {"table": table}, {}


def _figures(measured: Measured, last: Picture, picture: torch.Tensor) -> dict[str, float]:
    """Return the figures of one variant; all but flicker and gain are of the last frame."""
    dream = to_image(last, harness.CPU)
    stats = image_statistics(dream)
    return {
        "flicker": statistics.fmean(measured.flickers),
        "gain": statistics.fmean(measured.gains),
        "contrast": float(stats.contrast),
        "chroma": float(stats.chroma),
        "finest": float(stats.high_band),
        "away": float((dream - picture).square().mean().sqrt()),
    }


def _labelled(picture: Picture, label: str) -> Picture:
    picture = picture.copy()
    for colour, width in ((0, 3), (255, 1)):
        cv2.putText(
            picture,
            label,
            (6, 16),
            cv2.FONT_HERSHEY_SIMPLEX,
            0.45,
            (colour,) * 3,
            width,
            cv2.LINE_AA,
        )
    return picture
