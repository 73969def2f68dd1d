"""Whether a dream looks the same at any size, and what dreaming small and showing large costs."""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from benchmarks import harness, scenes
from benchmarks.tables.sizes import ENLARGED, LARGE, SAME, SMALL, row
from pipeline.dream_size import enlarge
from pipeline.frame import Picture, to_picture
from pipeline.render import RenderedFrame

WIDTHS = (480, 960, 1920)
"""Widths in pixels at which the same picture is dreamt."""
PHOTOGRAPHS = ("motorcycle_left.png", "coffee.png", "chelsea.png")
"""Photographs that are dreamt in addition to a frame of the clip."""
WITHIN = 0.15
"""Allowed relative difference of the spectral centroids."""
FRAMES, FLICKER_FRAMES = 5, 24
"""Frames of the timed renders, and of those whose flicker is compared."""
SHARE = 0.2
"""Allowed time of a frame dreamt at SMALL over that of one dreamt at LARGE."""


def run(out: Path, clip: Path | None) -> tuple[dict[str, object], dict[str, bool]]:
    """Return the results, and requirement -> whether it is met. clip: sharp, 16:9, 24 frames."""
    clip = harness.needed(clip, "sizes")
    looks = {}
    for name, picture in _pictures(clip, out):
        looks[name] = _compare_sizes(picture, out / f"sizes-{name}.png")
    centroids = [row["centroid"] for rows in looks.values() for row in rows]
    deviation = max(
        abs(row["centroid"] / rows[0]["centroid"] - 1) for rows in looks.values() for row in rows
    )
    large = _enlarged(clip, out / "large.mp4", LARGE)
    seconds = {
        width: _seconds(large, [f"width={LARGE}", f"dream_width={width}"])
        for width in ("null", SMALL)
    }
    share = seconds[SMALL] / seconds["null"]
    exact = _is_exact(large)
    flickers = {
        name: _flicker(large, words)
        for name, words in {
            ENLARGED: [f"width={LARGE}", f"dream_width={SMALL}"],
            SAME: [f"width={SMALL}"],
        }.items()
    }
    enlarged, small = flickers.values()
    return {
        "looks": looks,
        "seconds": {str(width): value for width, value in seconds.items()},
        "flicker": flickers,
    }, {
        f"spectral centroids at {WIDTHS[1:]} are at most {deviation:.1%} <= 15 % off those at "
        f"{WIDTHS[0]} ({min(centroids):.1f} to {max(centroids):.1f} cycles)": deviation <= WITHIN,
        f"a frame of {LARGE} dreamt at {SMALL} over one dreamt at {LARGE} {share:.3f} <= 0.2": share
        <= SHARE,
        "without a dream every pixel of the source comes back": exact,
        f"flicker when enlarged {enlarged:.5f} <= 1.05 times {small:.5f}": enlarged <= 1.05 * small,
    }


def _pictures(clip: Path, out: Path) -> list[tuple[str, Path]]:
    """Return the name and file of each picture, 16:9 and WIDTHS[-1] wide."""
    source = harness.stage("source", [f"input={clip}"])
    first = next(source.pictures())
    found = []
    for name, picture in [
        (clip.stem, first),
        *((Path(name).stem, scenes.photograph(name)) for name in PHOTOGRAPHS),
    ]:
        height, width = picture.shape[:2]
        rows = min(height, round(width * 9 / 16))
        top = (height - rows) // 2
        cropped = picture[top : top + rows, : rows * 16 // 9]
        size = (WIDTHS[-1], WIDTHS[-1] * 9 // 16)
        enlarged = cv2.resize(cropped, size, interpolation=cv2.INTER_CUBIC)
        path = out / f"sizes-source-{name}.png"
        _write(path, np.asarray(enlarged, np.uint8))
        found.append((name, path))
    return found


def _compare_sizes(picture: Path, sheet: Path) -> list[dict[str, float]]:
    """Dream the picture at each width; return the figures of each, and write a sheet of them."""
    rows: list[dict[str, float]] = []
    layers: list[Tensor] = []
    shown: list[Picture] = []
    for width in WIDTHS:
        frame = _still(picture, width)
        assert frame.canvas.picture is not None
        layer = frame.image - frame.canvas.picture
        size = (WIDTHS[0] * 9 // 16, WIDTHS[0])
        layers.append(F.adaptive_avg_pool2d(layer, size))
        shown.append(to_picture(F.adaptive_avg_pool2d(frame.image, size)))
        pair = torch.stack([layers[0].flatten(), layers[-1].flatten()])
        rows.append(
            {
                "width": width,
                "centroid": round(_centroid(layers[-1]), 2),
                "deviation": round(float(layers[-1].square().mean().sqrt()), 4),
                "correlation": round(float(torch.corrcoef(pair)[0, 1]), 3),
            }
        )
        print(*row(picture.stem, rows[-1]), sep="  ", flush=True)
    _write(sheet, np.hstack(shown))
    return rows


def _still(picture: Path, width: int) -> RenderedFrame:
    words = ["recipe=still", f"input={picture}", f"width={width}", "dream_width=null"]
    job = harness.job(words)
    frames = harness.rendered(job.pipeline.source, words, harness.gradient(words))
    return list(frames)[-1]


def _centroid(layer: Tensor) -> float:
    """Return the mean frequency of the layer's energy, in cycles per height of the frame."""
    grey = layer.mean(dim=1)[0]
    height, width = grey.shape
    window = torch.hann_window(height)[:, None] * torch.hann_window(width)
    energy = torch.fft.fft2(grey * window).abs().square()
    down, across = torch.fft.fftfreq(height)[:, None], torch.fft.fftfreq(width)
    return float((energy * (down.square() + across.square()).sqrt() * height).sum() / energy.sum())


def _enlarged(clip: Path, output: Path, width: int) -> Path:
    """Write the first frames of the clip at this width. Return `output`."""
    scale = ["-vf", f"scale={width}:-2:flags=lanczos", "-an", "-crf", "12"]
    words = ["-i", str(clip), "-frames:v", str(FLICKER_FRAMES), *scale]
    return harness.write_clip(words, output)


def _frames(clip: Path, words: Sequence[str], count: int) -> list[float]:
    """Return the time at which each frame was finished, in seconds."""
    settings = [f"input={clip}", f"frames={count}", *words]
    source = harness.stage("source", settings)
    start, marks = time.perf_counter(), []
    for _ in harness.rendered(source, settings, harness.gradient(settings)):
        marks.append(time.perf_counter() - start)
    return marks


def _seconds(clip: Path, words: Sequence[str]) -> float:
    """Return the median seconds of a frame after the first."""
    marks = _frames(clip, words, FRAMES)
    return statistics.median(after - before for before, after in pairwise(marks))


def _is_exact(clip: Path) -> bool:
    """Return whether frames of a render without a dream equal those of the source."""
    settings = [f"input={clip}", "frames=3", "dreamer=none", f"dream_width={SMALL}"]
    job = harness.job(settings)
    pipeline = job.pipeline
    same = []
    frames = harness.rendered(pipeline.source, settings, harness.gradient(settings))
    for frame in frames:
        shown = enlarge(frame.dream.image, frame.canvas, frame.frame, pipeline.clip)
        full = frame.frame.full_picture
        same.append(full is not None and np.array_equal(to_picture(shown), full))
    return all(same)


def _flicker(clip: Path, words: Sequence[str]) -> float:
    """Return the flicker of the dream layer, as in report.json."""
    settings = [f"input={clip}", f"frames={FLICKER_FRAMES}", *words]
    source, output = harness.stage("source", settings), clip.with_name("sizes.mp4")
    figures, _ = harness.recorded(settings, harness.gradient(settings), source, output)
    return float(figures["flicker"])


def _write(path: Path, picture: Picture) -> None:
    cv2.imwrite(str(path), cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))
