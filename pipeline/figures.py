"""The figures of a whole render from those of its frames."""

from __future__ import annotations

import json
import statistics
from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from pipeline.durable import reported

STAGES = ("decode", "flow", "warp", "dream", "encode")

Row = dict[str, Any]
"""The figures of one frame, by name: index, steps, work, seconds, cut, and what was measured."""


def read(path: Path) -> list[Row]:
    """The rows in the file, a line each, in the order of their index; none if there is no file.

    Who was killed while it wrote has left half a line, which tells nothing.
    """
    rows: dict[int, Row] = {}
    with suppress(FileNotFoundError), path.open(encoding="utf-8") as file:
        for line in file:
            with suppress(json.JSONDecodeError, TypeError, KeyError):
                row = json.loads(line)
                rows[row["index"]] = row
    return [row for _, row in sorted(rows.items())]


def write(path: Path, row: Row) -> None:
    """Add the row to the file. Raises UserError if it cannot."""
    with reported(path), path.open("a", encoding="utf-8") as file:
        file.write("\n" + json.dumps(row))  # in front: half a line may be the last


def summed(rows: Sequence[Row]) -> dict[str, object]:
    """The figures of the render by INTERFACE's names; what was not measured is None.

    rows: of its frames, in order.
    """
    count = max(1, len(rows))
    seconds = {stage: round(sum(row["seconds"][stage] for row in rows) / count, 5)
               for stage in ("total", *STAGES)}  # fmt: skip
    steps = [row["steps"] for row in rows]
    after_first = steps[1:] or steps
    return {
        "frames": len(rows),
        "seconds_per_frame": seconds,
        "steps_per_frame": round(statistics.fmean(after_first), 3) if after_first else None,
        "steps_at_size": _work(rows),
        "gain": _gain(_all(rows, "gain")),
        "flicker": _mean(_all(rows, "flicker")),
        "source_flicker": _mean(_all(rows, "source_flicker")),
        "cuts": [row["index"] for row in rows if row["cut"]],
        "vitals": _vitals(_all(rows, "vitals")),
    }


def _all(rows: Iterable[Row], name: str) -> list[Any]:
    """Every figure of that name."""
    return [row[name] for row in rows if name in row]


def _work(rows: Iterable[Row]) -> dict[str, int]:
    """How many gradient steps were taken at each size, the lowest pictures first."""
    work: Counter[tuple[int, int]] = Counter()
    for row in rows:
        for height, width, count in row["work"]:
            work[height, width] += count
    return {f"{width}x{height}": count for (height, width), count in sorted(work.items())}


def _gain(gains: Sequence[float]) -> dict[str, float] | None:
    if not gains:
        return None
    figures = {"mean": statistics.fmean(gains), "min": min(gains), "max": max(gains),
               "first": gains[0], "last": gains[-1]}  # fmt: skip
    return {name: round(value, 4) for name, value in figures.items()}


def _vitals(each: Sequence[dict[str, float]]) -> dict[str, list[float]] | None:
    """By name, the value at every frame."""
    return {name: [one[name] for one in each] for name in each[0]} if each else None


def _mean(values: Sequence[float]) -> float | None:
    return round(statistics.fmean(values), 5) if values else None
