"""Tables of `bench.py busy`: what other processes cost."""

from __future__ import annotations

import statistics
from collections.abc import Mapping
from typing import Any

from benchmarks.markdown import table

RENDERS = {
    "quiet": "quiet",
    "busy": "next to one busy process",
    "two": "each of two renders",
}
SWEEPS = {"basic": "one job after another", "local": "two at a time (`hydra/launcher=local`)"}


def tables(results: Mapping[str, Any]) -> str:
    """Return the tables of renders and of the sweep."""
    renders = _rows(RENDERS, results["seconds_per_frame"], decimals=2)
    sweeps = _rows(SWEEPS, results["sweep_seconds"], decimals=1)
    return "\n\n".join(
        (
            table(("render", "seconds per frame", "over quiet"), renders),
            table(("sweep of four jobs", "seconds", "over one job after another"), sweeps),
        )
    )


def _rows(
    labels: Mapping[str, str], seconds: Mapping[str, list[float]], *, decimals: int
) -> list[list[str]]:
    """Return label, median, and median over the first one."""
    medians = {name: statistics.median(seconds[name]) for name in labels}
    first = medians[next(iter(labels))]
    return [
        [label, f"{medians[name]:.{decimals}f}", f"{medians[name] / first:.2f}"]
        for name, label in labels.items()
    ]
