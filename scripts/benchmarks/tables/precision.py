"""Table of `bench.py precision`: dreams and gradients in float32 and in bfloat16."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from benchmarks.markdown import table

FIGURES = ("gain in float32", "gain in bfloat16", "agreement", "agreement after noise")


def tables(results: Mapping[str, Any]) -> str:
    """Return the table of networks and layers."""
    rows = [
        (name, *(f"{row[figure]:.2f}" for figure in FIGURES))
        for name, row in results["table"].items()
    ]
    return table(("network and layer", *FIGURES[:2], "gradients agree", "after noise"), rows)
