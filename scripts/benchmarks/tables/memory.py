"""Tables of `bench.py memory`: content that reappears, dissolves, fades and black bars."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from benchmarks.markdown import table

FOLLOWED, CARRIED = "defaults", "all of it off"


def tables(results: Mapping[str, Any]) -> str:
    """Return the tables of what reappears, of dissolves, of fades and of bars."""
    reappeared = [
        (f"{name}, {way}", f"{found['correlation']:.2f}", f"{found['energy']:.2f}")
        for name, ways in results["reappeared"].items()
        for way, found in ways.items()
    ]
    dissolves = [
        (
            f"{name}, {way}",
            *(f"{found[key]:.2f}" for key in ("correlation", "gain", "strength")),
        )
        for name, ways in results["dissolves"].items()
        for way, found in ways.items()
    ]
    fades = [
        (
            f"{name}, {way}",
            f"{found['on blank']:.0f}",
            f"{found['blank steps']:.0f}",
            f"{found['jump']:.2f}",
        )
        for name, ways in results["fades"].items()
        for way, found in ways.items()
    ]
    bars = [
        (way, f"{found['in bars']:.0f}", f"{found['between them']:.0f}")
        for way, found in results["bars"].items()
    ]
    return "\n\n".join(
        (
            table(("hidden for", "correlation with the layer before", "energy"), reappeared),
            table(
                (
                    *("dissolve", "correlation with the old dream", "gain over a fresh start's"),
                    "strength over a fresh start's",
                ),
                dissolves,
            ),
            table(
                (
                    *("fade", "largest difference on blank frames", "gradient steps on them"),
                    "largest change per frame",
                ),
                fades,
            ),
            table(
                ("letterboxed photograph", "largest difference in bars", "mean between them"), bars
            ),
        )
    )
