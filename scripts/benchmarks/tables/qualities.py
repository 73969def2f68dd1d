"""Table of `bench.py qualities`: flicker, gain and steps of each quality."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from benchmarks.markdown import table
from benchmarks.tables.coherence import row


def tables(results: Mapping[str, Any]) -> str:
    """Return the table of qualities."""
    rows = [row(f"`{name}`", figures) for name, figures in results["table"].items()]
    return table(("`quality=`", "flicker", "gain", "steps"), rows)
