"""Whether the camera moves at the configured speed, loops close and layers change smoothly.

Everything is measured on the output pictures, as a viewer sees them.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Sequence
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import torch

from benchmarks import harness
from benchmarks.tables.motion import CROSS_FADE, DEGREES, DOWN, RIGHT, SEAM, ZOOM
from pipeline.frame import Picture
from pipeline.gradient import Gradient
from pipeline.recording.recorder import NullRecorder
from pipeline.seamless_loop import SeamlessLoop
from pipeline.state import State

RATES = (24, 30, 60)
SECONDS = 4
GROWN = 2
"""Seconds until the dream has enough structure to register frames."""
APART = Fraction(1, 4)
"""Seconds between two frames that are registered with each other."""
BLUR = 21
"""Blur in pixels before frames are registered: fine stripes would match at any other stripe."""
SMALL = ("recipe=zoom", "width=320", "height=180")
LARGE = ("width=480", "height=270")
"""Size for camera moves: in smaller pictures motifs stick to the edges, which all octaves see."""
MOVES = {
    "spiral": (
        "camera=spiral",
        f"camera.zoom_per_second={ZOOM}",
        f"camera.degrees_per_second={DEGREES}",
    ),
    "pan": ("camera=pan", f"camera.right_per_second={RIGHT}", f"camera.down_per_second={DOWN}"),
}


class Shown(NullRecorder):
    """A recorder that keeps the output pictures in memory."""

    def __init__(self) -> None:
        super().__init__()
        self.pictures: list[Picture] = []

    def add(
        self, pictures: Sequence[Picture], before: State, state: State, *, starts_shot: bool = False
    ) -> None:
        """Keep the pictures."""
        self.pictures += pictures

    def finish(self, rest: Iterable[Picture] = ()) -> None:
        """Keep the last pictures."""
        self.pictures += rest


def run(out: Path, clip: Path | None) -> tuple[dict[str, object], dict[str, bool]]:
    """Compare set and measured motion. Return results, and requirement -> whether it is met."""
    torch.set_num_threads(2)
    gradient_fn = harness.gradient(SMALL)
    results: dict[str, object] = {}
    checks: dict[str, bool] = {}
    for rate in RATES:
        for name, words in MOVES.items():
            pictures = _render(gradient_fn, rate, *LARGE, *words, seconds=SECONDS)
            measured = _measure_motion(pictures, rate)
            expected = (
                {"zoom": ZOOM, "degrees": DEGREES}
                if name == "spiral"
                else ({"right": RIGHT, "down": DOWN})
            )
            for what, target in expected.items():
                actual = measured[what]
                error = actual / target - 1
                print(
                    f"{rate} frames/s, {what} asked {target:g} measured {actual:.4f} ({error:+.4f})"
                )
                results[f"{what} at {rate}"] = actual
                checks[f"{what} at {rate} frames/s within 2 % ({error:+.4f})"] = abs(error) <= 0.02
    for name, ratio, most in (
        (SEAM, _seam_ratio(gradient_fn), 1.2),
        (CROSS_FADE, _crossfade_ratio(gradient_fn), 1.5),
    ):
        results[name] = ratio
        checks[f"{name} {ratio:.3f} <= {most}"] = ratio <= most
    return results, checks


def _render(
    gradient_fn: Gradient, rate: int, *words: str, seconds: float, overlap: int = 0
) -> list[Picture]:
    settings = [*SMALL, f"source.rate={rate}", f"source.seconds={seconds}", *words]
    source, collector = harness.stage("source", settings), Shown()
    loop = SeamlessLoop(overlap, source.clip.count)
    for _ in harness.rendered(source, settings, gradient_fn, collector, loop=loop):
        pass
    return collector.pictures


def _measure_motion(pictures: Sequence[Picture], rate: int) -> dict[str, float]:
    """Return the motion per second, the median over many registered pairs of grey frames.

    "zoom": factor; "degrees": clockwise; "right", "down": in picture widths and heights.
    """
    apart = round(APART * rate)
    estimates: dict[str, list[float]] = {"zoom": [], "degrees": [], "right": [], "down": []}
    for first in range(GROWN * rate, len(pictures) - apart, max(1, rate // 6)):
        before, now = (
            cv2.cvtColor(pictures[i], cv2.COLOR_RGB2GRAY) for i in (first, first + apart)
        )
        seconds = apart / rate
        # maps each point of the later picture to the earlier one
        criteria = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, 300, 1e-7)
        start = np.eye(2, 3, dtype=np.float32)
        _, back = cv2.findTransformECC(
            now, before, start, cv2.MOTION_AFFINE, criteria, np.full_like(now, 255), BLUR
        )
        matrix = np.asarray(back, np.float64)
        height, width = now.shape
        centre = np.array([(width - 1) / 2, (height - 1) / 2])
        moved = (matrix[:, :2] @ centre + matrix[:, 2] - centre) / seconds
        turn = math.atan2(matrix[0, 1] - matrix[1, 0], matrix[0, 0] + matrix[1, 1])
        estimates["zoom"].append(math.sqrt(np.linalg.det(matrix[:, :2])) ** (-1 / seconds))
        estimates["degrees"].append(math.degrees(turn) / seconds)
        estimates["right"].append(moved[0] / width)
        estimates["down"].append(moved[1] / height)
    return {name: statistics.median(values) for name, values in estimates.items()}


def _seam_ratio(gradient_fn: Gradient) -> float:
    pictures = _render(gradient_fn, 30, seconds=8, overlap=45)
    return _difference(pictures[-1], pictures[0]) / _median_difference(pictures)


def _crossfade_ratio(gradient_fn: Gradient) -> float:
    """Return the largest over the median difference of frames while one layer fades into another.

    The fade takes two seconds, after the dream has grown.
    """
    words = (
        "objective.layers=[blocks.4,blocks.9]",
        'objective.weights=["3s: 1, 5s: 0","3s: 0, 5s: 1"]',
    )
    pictures = _render(gradient_fn, 30, *words, seconds=8)[GROWN * 30 :]
    most = max(_difference(one, other) for one, other in pairwise(pictures))
    return most / _median_difference(pictures)


def _median_difference(pictures: Sequence[Picture]) -> float:
    return statistics.median(_difference(one, other) for one, other in pairwise(pictures))


def _difference(one: Picture, other: Picture) -> float:
    """Return the mean absolute difference of two pictures, in 0..255."""
    return float(np.abs(one.astype(np.float32) - other.astype(np.float32)).mean())
