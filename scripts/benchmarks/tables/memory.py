"""Tables of `bench.py memory`: content that reappears, dissolves, fades and black bars."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from benchmarks.markdown import table

FOLLOWED, TWO_PASSES, CARRIED = "defaults", "`passes=2`", "all of it off"
WAYS = (FOLLOWED, TWO_PASSES, CARRIED)
ALONE = "each frame alone, 4 x 10"


def tables(results: Mapping[str, Any]) -> str:
    """Return the tables of what reappears, of what enters, of dissolves, of fades and of bars."""
    reappeared = [
        (f"{name}, {way}", f"{found['correlation']:.2f}", f"{found['energy']:.2f}")
        for name, ways in results["reappeared"].items()
        for way, found in ways.items()
    ]
    entering = [
        (name, f"{found['gain']:.2f}", f"{found['jump']:.2f}")
        for name, found in results["entering"].items()
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
    passing = [
        (shot, *(f"{found[way]:.2f}" for way in WAYS))
        for shot, found in results.get("traffic", {}).items()  # of --clip
    ]
    return "\n\n".join(
        (
            table(("content that was", "correlation with the layer before", "energy"), reappeared),
            table(
                (
                    "content that entered 8 frames ago",
                    "gain over the rest's",
                    "largest growth per frame",
                ),
                entering,
            ),
            table(
                (
                    *("dissolve", "correlation with the old dream", "gain over that after a cut"),
                    "strength over that after a cut",
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
            *([table(("last quarter's gain over the first's", *WAYS), passing)] if passing else []),
        )
    )
