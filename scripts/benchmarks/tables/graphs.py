"""Table of `bench.py graphs`: milliseconds of a step with and without CUDA graphs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks.markdown import table

HEAD = (
    *("network, size and precision; ms", "kernel by kernel: bare", "a step"),
    *("as a graph: bare", "a step"),
)


def tables(results: Mapping[str, Any]) -> str:
    """Return the table of networks, sizes and precisions."""
    return table(HEAD, [row(name, spans) for name, spans in results.items()])


def row(name: str, spans: Sequence[float]) -> list[str]:
    """Return the cells of one network, size and precision."""
    return [name, *(f"{span:.2f}" for span in spans)]
