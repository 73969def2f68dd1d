"""Table of `bench.py cost`: time over pixels and frames."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from benchmarks.markdown import table


def tables(results: Mapping[str, Any]) -> str:
    """Return the table of deviations from straight lines."""
    sizes, frames = list(results["seconds a step"]), list(results["seconds"])
    rows = [
        (f"a step, {sizes[0]} to {sizes[-1]}", deviation_by_pixels(results)[0]),
        (f"a render, {frames[0]} to {frames[-1]} frames", deviation_by_frames(results)[0]),
    ]
    return table(
        ("time of", "largest deviation from a straight line"),
        [(label, f"{100 * deviation:.1f} %") for label, deviation in rows],
    )


def deviation_by_pixels(results: Mapping[str, Any]) -> tuple[float, float]:
    """Return the deviation and the offset of the seconds of a step over pixels, see fit_line."""
    seconds = results["seconds a step"]
    pixels = [float(np.prod([int(side) for side in size.split("x")])) for size in seconds]
    return fit_line(dict(zip(pixels, seconds.values(), strict=True)))


def deviation_by_frames(results: Mapping[str, Any]) -> tuple[float, float]:
    """Return the deviation and the offset of the seconds over frames, see fit_line."""
    return fit_line({float(count): spent for count, spent in results["seconds"].items()})


def fit_line(seconds: Mapping[float, float]) -> tuple[float, float]:
    """Fit a line to times over sizes.

    Return the largest relative deviation from it, and its offset at size 0 as a share of the last
    time.
    """
    sizes, spent = np.array(list(seconds)), np.array(list(seconds.values()))
    line = np.polyfit(sizes, spent, 1, w=1 / spent)
    return float(abs(np.polyval(line, sizes) / spent - 1).max()), float(line[1] / spent[-1])
