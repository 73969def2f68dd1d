"""Tables of `bench.py drift`: the energy of the dream layer in three bands over a shot."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from benchmarks.markdown import table

BANDS = ("fine", "middle", "coarse")


def tables(results: Mapping[str, Any]) -> str:
    """Return the table of shots, and that of frames dreamt alone if there were clips."""
    shots = table(
        ("shot", *BANDS, "gain"),
        [
            [name, *(_range(shot[band], "low", "high") for band in BANDS), f"{shot['gain']:.2f}"]
            for name, shot in results.items()
        ],
    )
    alone = [
        [name, *(_range(shot[band], "fresh_low", "fresh_high") for band in BANDS)]
        for name, shot in results.items()
        if "fresh_low" in shot[BANDS[0]]
    ]
    if not alone:
        return shots
    return f"{shots}\n\n{table(('every tenth frame, dreamt alone', *BANDS), alone)}"


def _range(row: Mapping[str, float], low: str, high: str) -> str:
    return f"{row[low]:.2f} .. {row[high]:.2f}"
