"""Table of `bench.py speed`: a render relative to its gradient steps, and its memory."""

from __future__ import annotations

import statistics
from collections.abc import Mapping
from typing import Any

from benchmarks.markdown import table

SHORT, LONG = 100, 1000
"""Frames of the two renders whose peak memory is compared."""


def tables(results: Mapping[str, Any]) -> str:
    """Return the table of time and memory."""
    ratios = results["ratios"]
    memory = [
        (f"peak memory of {frames} frames", f"{peak / 2**20:.0f} MiB")
        for frames, peak in zip((SHORT, LONG), results["peak_memory_bytes"], strict=True)
    ]
    label = f"time over that of the bare gradient steps, median of {len(ratios)} (range)"
    ratio = f"{statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})"
    return table(("a complete render", "figure"), [(label, ratio), *memory])
