"""Whether a picture in tiles is the picture as a whole, and what its size costs."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import skimage.data
import torch
from torch import Tensor

from benchmarks import baselines, harness
from pipeline.dreamer import Dreamer
from pipeline.frame import Image, Picture, to_image, to_picture
from pipeline.gradient import Gradient
from pipeline.gradient.tile_budget import TileBudget
from pipeline.gradient.tiles import Tile
from pipeline.imaging.sampling import pixel_grid, sample
from pipeline.runtime.memory_limit import GIB
from pipeline.source import Source

COMPARED = (720, 1280)
"""Height and width at which the whole picture fits too."""
SIDE = 512
"""Pixels of a tile there, for one gradient."""
SMALL_SIDE = 288
"""Pixels of a tile there, for dreams: one seam is as uneven as any line, dozens are not."""
LARGE = (2160, 3840)
TIMED = ((720, 1280), (1080, 1920), (1440, 2560), LARGE)
ROUNDS = 5
MEMORY = 0.75
"""GiB, as the command line has it."""
ALLOWED = 3e9
"""Bytes that a process may hold which dreams at the large size."""
NEAR = 48
"""Pixels on either side of a seam that it is compared with."""
UNSEEN = 1 / 255 / 12**0.5
"""Deviation of what a picture loses by its rounding to 8 bits, of its range. Dreaming magnifies
whatever differs at the start, and two dreams can be no more alike than that lets them be."""


def run(out: Path, clip: Path | None) -> tuple[dict[str, object], dict[str, bool]]:
    """Return the figures, and which demands they meet. clip: whose first frame to take for the
    photograph of a cup.
    """
    torch.set_num_threads(2)
    picture = _photograph(clip)
    gradient_fn = harness.gradient()
    same, met = _compared(gradient_fn, picture, out)
    times, on_time = _timed(gradient_fn, picture)
    large, in_memory = _large(picture, out)
    return same | times | large, met | on_time | in_memory


def _photograph(clip: Path | None) -> Picture:
    if clip is None:
        cup: Picture = skimage.data.coffee()[31:369]  # type: ignore[no-untyped-call]  # 600x338
        return cup
    source: Source = harness.stage("source", [f"input={clip}"])
    first = next(source.pictures())
    assert first is not None
    return first


def _sized(picture: Picture, size: tuple[int, int]) -> Image:
    enlarged = cv2.resize(picture, size[::-1], interpolation=cv2.INTER_LANCZOS4)
    return to_image(np.asarray(enlarged, np.uint8), harness.CPU)


def _compared(
    gradient_fn: Gradient, picture: Picture, out: Path
) -> tuple[dict[str, object], dict[str, bool]]:
    """Return one gradient and a whole dream in tiles against the same of the whole picture."""
    image = _sized(picture, COMPARED)
    tiled, small = (
        replace(gradient_fn, tile_budget=TileBudget(side=side, bytes=None))
        for side in (SIDE, SMALL_SIDE)
    )
    tiles = tiled._tiles(image)[0]
    whole_gradient, tiled_gradient = gradient_fn(image)[0], tiled(image)[0]
    off, moved_off = (
        float((found - whole_gradient).std() / whole_gradient.std())
        for found in (tiled_gradient, _there_and_back(whole_gradient))
    )
    print(
        f"gradient in {len(tiles)} tiles: off by {off:.4f} of its deviation, half a pixel "
        f"there and back by {moved_off:.4f}",
        flush=True,
    )
    figures: dict[str, object] = {
        "tiles": len(tiles),
        "gradient_off": off,
        "gradient_off_by_interpolation": moved_off,
    }
    met = {
        f"a gradient in tiles off by {off:.4f} <= {moved_off:.4f}, by interpolation": off
        <= moved_off
    }
    noise = UNSEEN * torch.randn(image.shape, generator=torch.Generator().manual_seed(1))
    for name, words in {"jitter": (), "no_jitter": ("dreamer.jitter=0",)}.items():
        dreamer = harness.stage("dreamer", words)
        whole, again, noisy = (
            _dreamt(dreamer, way, start)
            for way, start in (
                (gradient_fn, image),
                (small, image),
                (gradient_fn, (image + noise).clamp_(0, 1)),
            )
        )
        cv2.imwrite(str(out / f"tiles-{name}.png"), to_picture(again)[:, :, ::-1])
        cv2.imwrite(str(out / f"tiles-{name}-whole.png"), to_picture(whole)[:, :, ::-1])
        layers = [dream - image for dream in (whole, again)]
        there, elsewhere = zip(
            *(_jumps(layer, small._tiles(image)[0]) for layer in layers), strict=True
        )
        found = {
            "psnr": float(-10 * (again - whole).square().mean().log10()),
            "layer_off": float((again - whole).std() / layers[0].std()),
            "layer_off_by_noise": float((noisy - whole).std() / layers[0].std()),
            "score_over_whole": float(gradient_fn.score(again) / gradient_fn.score(whole)),
            "seam_energy": there[1] / elsewhere[1],
            "seam_energy_whole": there[0] / elsewhere[0],
        }
        print(f"{name:10s} {' '.join(f'{k} {v:.4f}' for k, v in found.items())}", flush=True)
        figures[name] = found
        excess = found["seam_energy"] / found["seam_energy_whole"]
        met[
            f"{name}: energy at the seams over that beside them, in tiles over whole "
            f"{excess:.3f} <= 1.05"
        ] = excess <= 1.05
        met[
            f"{name}: dream layer off by {found['layer_off']:.3f} <= "
            f"{found['layer_off_by_noise']:.3f}, by noise as of 8 bits"
        ] = found["layer_off"] <= found["layer_off_by_noise"]
        met[f"{name}: score over the whole's {found['score_over_whole']:.4f} within 0.01 of 1"] = (
            abs(found["score_over_whole"] - 1) <= 0.01
        )
    return figures, met


def _there_and_back(image: Tensor) -> Tensor:
    """Return the image carried by half a pixel and back, as dreams are carried: interpolation's
    error.
    """
    grid = pixel_grid(image.shape[2], image.shape[3], harness.CPU)
    return sample(sample(image, grid + 0.5), grid - 0.5)


def _dreamt(dreamer: Dreamer, gradient_fn: Gradient, image: Image) -> Image:
    height, width = image.shape[2:]
    fitting = dreamer.fit(height, width, gradient_fn.smallest_side)
    rng = torch.Generator().manual_seed(0)
    return fitting(baselines.canvas(image), gradient_fn, rng, memory={}).image


def _jumps(layer: Tensor, tiles: Sequence[Tile]) -> tuple[float, float]:
    """Mean squared jump from pixel to pixel across the seams, and across lines beside them.

    A seam lies where two cores meet; with jitter that is the middle of where it lies in turns.
    """
    here, beside = [], []
    for axis, starts in (
        (2, {tile.rows.first for tile in tiles}),
        (3, {tile.columns.first for tile in tiles}),
    ):
        jumps = layer.diff(dim=axis).square().mean(dim=[d for d in range(4) if d != axis])
        for seam in starts - {0}:
            near = jumps[seam - 1 - NEAR : seam + NEAR]
            here.append(float(near[NEAR]))
            beside.append(float(torch.cat([near[:NEAR], near[NEAR + 1 :]]).mean()))
    return statistics.fmean(here), statistics.fmean(beside)


def _timed(gradient_fn: Gradient, picture: Picture) -> tuple[dict[str, object], dict[str, bool]]:
    """Return seconds of a step at each size, the sizes in turns."""
    once = ("dreamer.octaves=1", "dreamer.iterations=1")
    dreamer = harness.stage("dreamer", once)
    budget = TileBudget(side=None, bytes=MEMORY * GIB)
    ways = {f"{w}x{h}": ((h, w), replace(gradient_fn, tile_budget=budget)) for h, w in TIMED}
    ways["1920x1080 whole"] = (1080, 1920), gradient_fn
    spent: dict[str, list[float]] = {name: [] for name in ways}
    for turn in range(ROUNDS + 1):
        for name, (size, way) in ways.items():
            image = _sized(picture, size)
            began = time.perf_counter()
            _dreamt(dreamer, way, image)
            if turn:  # the first is slower
                spent[name].append((time.perf_counter() - began) / (size[0] * size[1]) * 1e9)
    nanoseconds = {name: statistics.median(times) for name, times in spent.items()}
    print("  ".join(f"{name}: {value:.0f} ns a pixel" for name, value in nanoseconds.items()))
    overhead = nanoseconds["1920x1080"] / nanoseconds.pop("1920x1080 whole")
    middle = (min(nanoseconds.values()) + max(nanoseconds.values())) / 2
    relative = {name: value / middle for name, value in nanoseconds.items()}
    most = max(relative.values()) - 1
    return (
        {"time_a_pixel": relative, "tiles_over_whole_1920x1080": overhead, "seconds": spent},
        {f"time against pixels within +-{most:.3f} <= 0.15 of a line": most <= 0.15},
    )


def _large(picture: Picture, out: Path) -> tuple[dict[str, object], dict[str, bool]]:
    """Return the most bytes that a process holds which dreams a large still, by its own report."""
    still, output = out / "large.png", out / "large.dream.png"
    cv2.imwrite(str(still), to_picture(_sized(picture, LARGE))[:, :, ::-1])
    words = [f"input={still}", f"output={output}", "dreamer.iterations=2", "device=cpu"]
    command = [sys.executable, "-m", "pipeline", *words, "overwrite=true"]
    subprocess.run(command, check=True, capture_output=True)
    report = json.loads((output.with_name(output.name + ".render") / "report.json").read_text())
    held = int(report["peak_memory_bytes"])
    name = f"{LARGE[1]}x{LARGE[0]}: peak memory {held / 1e9:.2f} GB < {ALLOWED / 1e9:g}"
    return {"peak_memory_bytes": held}, {name: held < ALLOWED}
