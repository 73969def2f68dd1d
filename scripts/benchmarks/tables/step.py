"""Tables of `bench.py step`: a gradient step, the bare network and the least possible time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from benchmarks.markdown import table

RATES = (
    *("network and precision", "computes, GFLOP/s", "a matrix product reaches"),
    *("moves, GB/s", "a copy reaches", "compared with the least possible time"),
)


def tables(results: Mapping[str, Any]) -> str:
    """Return the table of times, and that of rates, with the largest number of threads."""
    rows = {name: by_threads[max(by_threads, key=int)] for name, by_threads in results.items()}
    times = [
        (name, f"{row['bare ms']:.1f}", f"{row['step over bare']:.2f} times that")
        for name, row in rows.items()
    ]
    return "\n\n".join(
        (
            table(("network and precision", "bare network, ms", "a step takes"), times),
            table(RATES, [_rates(name, row) for name, row in rows.items()]),
        )
    )


def _rates(name: str, row: Mapping[str, float]) -> list[str]:
    rates = ("GFLOP/s", "chip's GFLOP/s", "GB/s", "chip's GB/s")
    return [name, *(f"{row[rate]:.0f}" for rate in rates), f"{1 / row['share of the roof']:.1f}"]
