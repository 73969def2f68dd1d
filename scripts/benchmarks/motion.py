"""Whether the camera moves as it was told, loops close, and layers change without a jump.

All of it measured on the pictures that come out, as a viewer sees them.
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
from pipeline.frame import Picture
from pipeline.gradient import Gradient
from pipeline.recording.recorder import NullRecorder
from pipeline.seamless_loop import SeamlessLoop
from pipeline.state import State

RATES = (24, 30, 60)
ZOOM, DEGREES, RIGHT, DOWN = 1.5, 12.0, 0.1, -0.06
SECONDS = 4
GROWN = 2
"""Seconds until there is something to register."""
APART = Fraction(1, 4)
"""Seconds between two frames that are registered."""
BLUR = 21
"""Pixels of the window before frames are registered: fine stripes would fit at any stripe."""
SMALL = ("recipe=zoom", "width=320", "height=180")
LARGE = ("width=480", "height=270")
"""In smaller pictures motifs cling to the edges, which every octave sees."""
MOVES = {
    "spiral": (
        "camera=spiral",
        f"camera.zoom_per_second={ZOOM}",
        f"camera.degrees_per_second={DEGREES}",
    ),
    "pan": ("camera=pan", f"camera.right_per_second={RIGHT}", f"camera.down_per_second={DOWN}"),
}


class Shown(NullRecorder):
    """Takes the pictures that a viewer sees."""

    def __init__(self) -> None:
        super().__init__()
        self.pictures: list[Picture] = []

    def add(
        self, pictures: Sequence[Picture], before: State, state: State, *, starts_shot: bool = False
    ) -> None:
        """Keep them."""
        self.pictures += pictures

    def finish(self, rest: Iterable[Picture] = ()) -> None:
        """Keep the rest."""
        self.pictures += rest


def run(out: Path, clip: Path | None) -> tuple[dict[str, object], dict[str, bool]]:
    """Print asked and measured; the figures, and which demands they meet."""
    torch.set_num_threads(2)
    gradient_fn = harness.gradient(SMALL)
    figures: dict[str, object] = {}
    met: dict[str, bool] = {}
    for rate in RATES:
        for name, words in MOVES.items():
            pictures = _shown(gradient_fn, rate, *LARGE, *words, seconds=SECONDS)
            measured = _registered(pictures, rate)
            asked = (
                {"zoom": ZOOM, "degrees": DEGREES}
                if name == "spiral"
                else ({"right": RIGHT, "down": DOWN})
            )
            for what, wanted in asked.items():
                got = measured[what]
                off = got / wanted - 1
                print(f"{rate} frames/s, {what} asked {wanted:g} measured {got:.4f} ({off:+.4f})")
                figures[f"{what} at {rate}"] = got
                met[f"{what} at {rate} frames/s within 2 % ({off:+.4f})"] = abs(off) <= 0.02
    for name, ratio, most in (
        ("loop: the seam's difference over the median one", _seam(gradient_fn), 1.2),
        (
            "cross-fade of two layers: the largest difference over the median one",
            _faded(gradient_fn),
            1.5,
        ),
    ):
        print(f"{name}: {ratio:.3f}")
        figures[name] = ratio
        met[f"{name} {ratio:.3f} <= {most}"] = ratio <= most
    return figures, met


def _shown(
    gradient_fn: Gradient, rate: int, *words: str, seconds: float, overlap: int = 0
) -> list[Picture]:
    given = [*SMALL, f"source.rate={rate}", f"source.seconds={seconds}", *words]
    source, shown = harness.stage("source", given), Shown()
    loop = SeamlessLoop(overlap, source.clip.count)
    for _ in harness.rendered(source, given, gradient_fn, shown, loop=loop):
        pass
    return shown.pictures


def _registered(pictures: Sequence[Picture], rate: int) -> dict[str, float]:
    """Return the motion per second: median over many pairs of frames, registered by their grey
    values.
    """
    apart = round(APART * rate)
    found: dict[str, list[float]] = {"zoom": [], "degrees": [], "right": [], "down": []}
    for first in range(GROWN * rate, len(pictures) - apart, max(1, rate // 6)):
        before, now = (
            cv2.cvtColor(pictures[i], cv2.COLOR_RGB2GRAY) for i in (first, first + apart)
        )
        seconds = apart / rate
        # where each point of the later picture was in the earlier one
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
        found["zoom"].append(math.sqrt(np.linalg.det(matrix[:, :2])) ** (-1 / seconds))
        found["degrees"].append(math.degrees(turn) / seconds)
        found["right"].append(moved[0] / width)
        found["down"].append(moved[1] / height)
    return {name: statistics.median(values) for name, values in found.items()}


def _seam(gradient_fn: Gradient) -> float:
    pictures = _shown(gradient_fn, 30, seconds=8, overlap=45)
    return _difference(pictures[-1], pictures[0]) / _median(pictures)


def _faded(gradient_fn: Gradient) -> float:
    """Return two layers, the one fading into the other within two seconds, grown before."""
    words = (
        "objective.layers=[blocks.4,blocks.9]",
        'objective.weights=["3s: 1, 5s: 0","3s: 0, 5s: 1"]',
    )
    pictures = _shown(gradient_fn, 30, *words, seconds=8)[GROWN * 30 :]
    most = max(_difference(one, other) for one, other in pairwise(pictures))
    return most / _median(pictures)


def _median(pictures: Sequence[Picture]) -> float:
    return statistics.median(_difference(one, other) for one, other in pairwise(pictures))


def _difference(one: Picture, other: Picture) -> float:
    """Mean difference of their values, 0..255."""
    return float(np.abs(one.astype(np.float32) - other.astype(np.float32)).mean())
