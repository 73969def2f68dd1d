"""Table of `bench.py retiming`: frames in between, and a dream over them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from benchmarks.markdown import table


def tables(results: Mapping[str, Any]) -> str:
    """Return the table of the ways to make frames in between."""
    rows = [
        (
            name,
            "exact" if row["psnr"] is None else f"{row['psnr']:.1f} dB",
            f"{row['flicker']:.4f}",
            f"{row['gain']:.2f}",
        )
        for name, row in results["table"].items()
    ]
    return table(("every second frame", "likeness to the true frame", "flicker", "gain"), rows)
