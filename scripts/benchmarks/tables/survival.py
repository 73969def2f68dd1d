"""Table of `bench.py survival`: whether a very long render stays as it is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from benchmarks.markdown import table

RENDERS = {"dreamt": "dreaming", "passed": "passing pictures through"}
FIGURES = {
    "memory": ("memory", 2**-20, " MiB"),
    "files": ("open files", 1, ""),
    "threads": ("threads", 1, ""),
    "children": ("child processes", 1, ""),
    "seconds a frame": ("time per frame", 1e3, " ms"),
}
"""Key of a figure -> its label, factor and unit."""


def tables(results: Mapping[str, Any]) -> str:
    """Return the table of figures early and late in each render."""
    rows = []
    for render, what in RENDERS.items():
        for key, (label, factor, unit) in FIGURES.items():
            early, late = results[f"{render} {key}"]
            decimals = 1 if unit == " ms" else 0
            cells = (f"{factor * value:.{decimals}f}{unit}" for value in (early, late))
            change = f"{100 * (late / early - 1):+.1f} %" if early else "-"
            rows.append([f"{what}: {label}", *cells, change])
    saving = f"{1e3 * results['seconds a save']:.0f} ms"
    rows.append(["saving a checkpoint", saving, "-", "-"])
    return table(("figure", "early", "late", "change"), rows)
