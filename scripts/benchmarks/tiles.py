"""Whether a picture dreamt in tiles equals one dreamt as a whole, and how time grows with size."""

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
"""Height and width of the comparison, at which the untiled picture fits too."""
SIDE = 512
"""Side in pixels of the tiles there, for a single gradient."""
SMALL_SIDE = 288
"""Side in pixels of the tiles there, for dreams: a mean over dozens of seams is less noisy."""
LARGE = (2160, 3840)
TIMED = ((720, 1280), (1080, 1920), (1440, 2560), LARGE)
ROUNDS = 5
MEMORY = 0.75
"""Memory of a gradient step in GiB, as by default."""
ALLOWED = 3e9
"""Maximum memory in bytes of a process that dreams at the large size."""
NEAR = 48
"""Pixels on either side of a seam with which it is compared."""
UNSEEN = 1 / 255 / 12**0.5
"""Standard deviation of the error of rounding to 8 bits, of the range [0, 1]. Dreaming amplifies
any difference at the start, so two dreams cannot be expected to agree more closely than this."""


def run(out: Path, clip: Path | None) -> tuple[dict[str, object], dict[str, bool]]:
    """Return the results, and requirement -> whether it is met.

    clip: its first frame is used; None: a photograph of a cup.
    """
    torch.set_num_threads(2)
    picture = _photograph(clip)
    gradient_fn = harness.gradient()
    same, checks = _compare(gradient_fn, picture, out)
    times, on_time = _measure_time(gradient_fn, picture)
    large, in_memory = _measure_memory(picture, out)
    return same | times | large, checks | on_time | in_memory


def _photograph(clip: Path | None) -> Picture:
    if clip is None:
        cup: Picture = skimage.data.coffee()[31:369]  # type: ignore[no-untyped-call]  # 600x338
        return cup
    source: Source = harness.stage("source", [f"input={clip}"])
    first = next(source.pictures())
    assert first is not None
    return first


def _resize(picture: Picture, size: tuple[int, int]) -> Image:
    enlarged = cv2.resize(picture, size[::-1], interpolation=cv2.INTER_LANCZOS4)
    return to_image(np.asarray(enlarged, np.uint8), harness.CPU)


def _compare(
    gradient_fn: Gradient, picture: Picture, out: Path
) -> tuple[dict[str, object], dict[str, bool]]:
    """Compare one gradient and a whole dream in tiles with those of the untiled picture."""
    image = _resize(picture, COMPARED)
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
    results: dict[str, object] = {
        "tiles": len(tiles),
        "gradient_off": off,
        "gradient_off_by_interpolation": moved_off,
    }
    checks = {
        f"a gradient in tiles off by {off:.4f} <= {moved_off:.4f}, by interpolation": off
        <= moved_off
    }
    noise = UNSEEN * torch.randn(image.shape, generator=torch.Generator().manual_seed(1))
    for name, words in {"jitter": (), "no_jitter": ("dreamer.jitter=0",)}.items():
        dreamer = harness.stage("dreamer", words)
        whole, tiled_dream, noisy = (
            _dream(dreamer, way, start)
            for way, start in (
                (gradient_fn, image),
                (small, image),
                (gradient_fn, (image + noise).clamp_(0, 1)),
            )
        )
        cv2.imwrite(str(out / f"tiles-{name}.png"), to_picture(tiled_dream)[:, :, ::-1])
        cv2.imwrite(str(out / f"tiles-{name}-whole.png"), to_picture(whole)[:, :, ::-1])
        layers = [dream - image for dream in (whole, tiled_dream)]
        there, elsewhere = zip(
            *(_jumps(layer, small._tiles(image)[0]) for layer in layers), strict=True
        )
        found = {
            "psnr": float(-10 * (tiled_dream - whole).square().mean().log10()),
            "layer_off": float((tiled_dream - whole).std() / layers[0].std()),
            "layer_off_by_noise": float((noisy - whole).std() / layers[0].std()),
            "score_over_whole": float(gradient_fn.score(tiled_dream) / gradient_fn.score(whole)),
            "seam_energy": there[1] / elsewhere[1],
            "seam_energy_whole": there[0] / elsewhere[0],
        }
        print(f"{name:10s} {' '.join(f'{k} {v:.4f}' for k, v in found.items())}", flush=True)
        results[name] = found
        excess = found["seam_energy"] / found["seam_energy_whole"]
        checks[
            f"{name}: energy at the seams over that beside them, in tiles over whole "
            f"{excess:.3f} <= 1.05"
        ] = excess <= 1.05
        checks[
            f"{name}: dream layer off by {found['layer_off']:.3f} <= "
            f"{found['layer_off_by_noise']:.3f}, by noise as of 8 bits"
        ] = found["layer_off"] <= found["layer_off_by_noise"]
        checks[
            f"{name}: score over the whole's {found['score_over_whole']:.4f} within 0.01 of 1"
        ] = abs(found["score_over_whole"] - 1) <= 0.01
    return results, checks


def _there_and_back(image: Tensor) -> Tensor:
    """Return the image warped by half a pixel and back, as dreams are warped.

    The difference is the error of interpolation.
    """
    grid = pixel_grid(image.shape[2], image.shape[3], harness.CPU)
    return sample(sample(image, grid + 0.5), grid - 0.5)


def _dream(dreamer: Dreamer, gradient_fn: Gradient, image: Image) -> Image:
    height, width = image.shape[2:]
    fitting = dreamer.fit(height, width, gradient_fn.smallest_side)
    rng = torch.Generator().manual_seed(0)
    return fitting(baselines.canvas(image), gradient_fn, rng, memory={}).image


def _jumps(layer: Tensor, tiles: Sequence[Tile]) -> tuple[float, float]:
    """Return the mean squared difference of neighbouring pixels across seams, and next to them.

    A seam is where two cores meet; with jitter, the mean position of the seam.
    """
    at_seams, nearby = [], []
    for axis, starts in (
        (2, {tile.rows.first for tile in tiles}),
        (3, {tile.columns.first for tile in tiles}),
    ):
        jumps = layer.diff(dim=axis).square().mean(dim=[d for d in range(4) if d != axis])
        for seam in starts - {0}:
            near = jumps[seam - 1 - NEAR : seam + NEAR]
            at_seams.append(float(near[NEAR]))
            nearby.append(float(torch.cat([near[:NEAR], near[NEAR + 1 :]]).mean()))
    return statistics.fmean(at_seams), statistics.fmean(nearby)


def _measure_time(
    gradient_fn: Gradient, picture: Picture
) -> tuple[dict[str, object], dict[str, bool]]:
    """Measure the time of a step at each size, in turns."""
    once = ("dreamer.octaves=1", "dreamer.iterations=1")
    dreamer = harness.stage("dreamer", once)
    budget = TileBudget(side=None, bytes=MEMORY * GIB)
    ways = {f"{w}x{h}": ((h, w), replace(gradient_fn, tile_budget=budget)) for h, w in TIMED}
    ways["1920x1080 whole"] = (1080, 1920), gradient_fn
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for turn in range(ROUNDS + 1):
        for name, (size, way) in ways.items():
            image = _resize(picture, size)
            start_time = time.perf_counter()
            _dream(dreamer, way, image)
            if turn:  # the first round is slower
                seconds[name].append((time.perf_counter() - start_time) / (size[0] * size[1]) * 1e9)
    nanoseconds = {name: statistics.median(times) for name, times in seconds.items()}
    print("  ".join(f"{name}: {value:.0f} ns a pixel" for name, value in nanoseconds.items()))
    overhead = nanoseconds["1920x1080"] / nanoseconds.pop("1920x1080 whole")
    middle = (min(nanoseconds.values()) + max(nanoseconds.values())) / 2
    relative = {name: value / middle for name, value in nanoseconds.items()}
    most = max(relative.values()) - 1
    return (
        {"time_a_pixel": relative, "tiles_over_whole_1920x1080": overhead, "seconds": seconds},
        {f"time against pixels within +-{most:.3f} <= 0.15 of a line": most <= 0.15},
    )


def _measure_memory(picture: Picture, out: Path) -> tuple[dict[str, object], dict[str, bool]]:
    """Measure the peak memory, by its report, of a process that dreams a large still."""
    still, output = out / "large.png", out / "large.dream.png"
    cv2.imwrite(str(still), to_picture(_resize(picture, LARGE))[:, :, ::-1])
    words = [f"input={still}", f"output={output}", "dream_width=null", "dreamer.iterations=2"]
    command = [sys.executable, "-m", "pipeline", *words, "device=cpu", "overwrite=true"]
    subprocess.run(command, check=True, capture_output=True)
    report = json.loads((output.with_name(output.name + ".render") / "report.json").read_text())
    peak_bytes = int(report["peak_memory_bytes"])
    name = f"{LARGE[1]}x{LARGE[0]}: peak memory {peak_bytes / 1e9:.2f} GB < {ALLOWED / 1e9:g}"
    return {"peak_memory_bytes": peak_bytes}, {name: peak_bytes < ALLOWED}
