"""Whether what passes by wears the dream away: the gain over the shots of real clips."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path

from benchmarks import harness
from pipeline.gradient import Gradient

FRAMES, WIDTH = 100, 400
"""Number of frames that are dreamt, and their width in pixels."""
SHORTEST = 24
"""Minimum number of frames of a shot that is evaluated."""


def shots(clip: Path, words: Sequence[str], gradient_fn: Gradient) -> Mapping[str, float]:
    """Return, for each shot of a clip, the gain of its last quarter over that of its first one.

    The name of a shot is that of the clip and the number of its first frame.
    """
    settings = [f"input={clip}", f"width={WIDTH}", f"frames={FRAMES}", *words]
    gains: dict[int, list[float]] = {}
    for dreamt in harness.rendered(harness.stage("source", settings), settings, gradient_fn):
        source = dreamt.canvas.picture
        assert source is not None
        start = dreamt.frame.index if dreamt.canvas.positions is None else max(gains)
        gains.setdefault(start, []).append(harness.gain(gradient_fn, dreamt.image, source))
    return {
        f"{clip.stem} from frame {start}": _last_over_first(shot)
        for start, shot in gains.items()
        if len(shot) >= SHORTEST
    }


def _last_over_first(gains: Sequence[float]) -> float:
    quarter = len(gains) // 4
    return statistics.fmean(gains[-quarter:]) / statistics.fmean(gains[:quarter])
