"""Table of `bench.py endurance`: how much a long zoom changes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from benchmarks.markdown import table

LABELS = {"governed": "governed (default)", "free": "`governor=none`"}
STATISTICS = {
    "luminance": "luminance",
    "contrast": "contrast",
    "chroma": "chroma",
    "high_band": "finest detail",
}
"""Key of the results -> its label."""


def tables(results: Mapping[str, Any]) -> str:
    """Return the table of both renders."""
    head = ("render", *STATISTICS.values(), "clipped at most", "change over 2 s, least")
    return table(head, [_row(LABELS[name], render) for name, render in results.items()])


def _row(label: str, render: Mapping[str, Mapping[str, float]]) -> list[str]:
    ranges = [
        f"{100 * render[name]['low']:+.0f} .. {100 * render[name]['high']:+.0f} %"
        for name in STATISTICS
    ]
    clipped, least = render["clipped"]["most"], render["distance"]["least"]
    return [label, *ranges, f"{100 * clipped:.1f} %", f"{least:.2f}"]
