"""Table of `bench.py startup`: how soon dreaming, help and completion begin."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from benchmarks.markdown import table

IMPORTS, FIRST_STEP, HELP, TAB = "import torch, torchvision", "the first step", "--help", "TAB"
"""Keys of the results."""


def tables(results: Mapping[str, Any]) -> str:
    """Return the table of seconds."""
    seconds = {
        "`import torch, torchvision` alone": results[IMPORTS],
        "the first gradient step, counted from the start": results[FIRST_STEP],
        "the same, after those imports would have ended": delay(results),
        "`--help`": results[HELP],
        "TAB completion": results[TAB],
    }
    rows = [(label, f"{span:.2f}") for label, span in seconds.items()]
    return table(("until the end of", "seconds"), rows)


def delay(results: Mapping[str, float]) -> float:
    """Return the seconds until the first gradient step, without those of the imports."""
    return results[FIRST_STEP] - results[IMPORTS]
