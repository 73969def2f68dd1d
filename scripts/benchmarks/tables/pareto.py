"""Table of `bench.py pareto`: gain and flicker over time, by method and iterations."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from benchmarks.markdown import table
from benchmarks.tables import peers


def tables(results: Mapping[str, Any]) -> str:
    """Return the table of methods."""
    return table(
        ("method", *peers.FIGURES), [peers.row(name, found) for name, found in results.items()]
    )
