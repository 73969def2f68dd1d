"""Tables of `bench.py motion`: whether the camera moves as it was set."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from benchmarks.markdown import table

ZOOM, DEGREES, RIGHT, DOWN = 1.5, 12.0, 0.1, -0.06
"""Configured motion per second: factor, degrees, widths and heights of the picture."""
MOVES: Mapping[str, Mapping[str, float]] = {
    f"zoom of {ZOOM:g} per second": {"zoom": ZOOM},
    f"rotation of {DEGREES:g} degrees per second": {"degrees": DEGREES},
    f"pan of {RIGHT:g} widths to the right and {-DOWN:g} heights up per second": {
        "right": RIGHT,
        "down": DOWN,
    },
}
"""Label -> measured figure -> its configured value."""
SEAM = "loop: the seam's difference over the median one"
CROSS_FADE = "cross-fade of two layers: the largest difference over the median one"
DIFFERENCES = {
    SEAM: "where a loop closes",
    CROSS_FADE: "while one layer fades into another, at most",
}
"""Key of the results -> its label."""


def tables(results: Mapping[str, Any]) -> str:
    """Return the table of errors, and that of differences of frames."""
    errors = [(label, f"{_percent_up(_error(results, move))} %") for label, move in MOVES.items()]
    differences = [(label, f"{results[name]:.2f}") for name, label in DIFFERENCES.items()]
    return "\n\n".join(
        (
            table(("set", "error, at most"), errors),
            table(("difference of two frames", "over the median one"), differences),
        )
    )


def _percent_up(share: float) -> float:
    """Return a share in per cent, rounded up to a tenth: it stands for "at most"."""
    return math.ceil(1000 * share) / 10


def _error(results: Mapping[str, float], move: Mapping[str, float]) -> float:
    """Return the largest relative error of these figures over all frame rates."""
    return max(
        abs(value / target - 1)
        for what, target in move.items()
        for name, value in results.items()
        if name.startswith(f"{what} at ")
    )
