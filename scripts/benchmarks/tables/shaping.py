"""Table of `bench.py shaping`: one gradient filter or penalty at a time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from benchmarks.markdown import table

DEFAULTS = "as it comes (smoothing=0.5)"
"""Name of the first variant in the results."""
SEEN = {
    DEFAULTS: "the classic, every colour",
    "smoothing=0": "finer lines",
    "smoothing=1.5": "broader, softer",
    "pyramid=4": "coarse and fine alike: lush, glowing",
    "falloff=0.5": "slightly broader, as strong",
    "falloff=1": "clouds of colour, the calmest",
    "decorrelation=1": "fur and eyes in the picture's own colours",
    "total_variation=0.5": "painted, without dots",
    "distance=10": "hardly more than the picture",
    "chroma=10": "the source's colours kept",
}
"""Variant -> what one sees."""
RELATIVE = {
    "contrast": "contrast",
    "chroma": "chroma",
    "finest": "finest detail",
    "away": "distance from the source",
    "seconds": "time",
}
"""Key of a figure that is shown relative to the first variant -> its label."""


def tables(results: Mapping[str, Any]) -> str:
    """Return the table of variants."""
    found = results["table"]
    first = next(iter(found.values()))
    head = ("`dreamer.`", "flicker", "gain", *RELATIVE.values(), "what one sees")
    rows = [[*row(name, figures, first), SEEN.get(name, "")] for name, figures in found.items()]
    return table(head, rows)


def row(name: str, figures: Mapping[str, float], first: Mapping[str, float]) -> list[str]:
    """Return the cells of a variant without what one sees. first: figures of the first variant."""
    relative = (f"{figures[key] / first[key]:.2f}" for key in RELATIVE)
    label = "defaults (smoothing=0.5)" if name == DEFAULTS else name
    return [label, f"{figures['flicker']:.4f}", f"{figures['gain']:.2f}", *relative]
