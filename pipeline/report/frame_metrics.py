"""Metrics of a render, summarized from those of its frames."""

from __future__ import annotations

import json
import math
import statistics
from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from pipeline.imaging.metrics import BANDS
from pipeline.storage.atomic import disk_errors

STAGES = ("decode", "flow", "warp", "dream", "encode")
SETTLED = 5
"""Number of frames at the start of a shot that are left out of the drift: the dream is settling."""
ENDS = 10
"""Number of frames at the start and at the end of a shot whose energies are compared."""
DRIFT = 1.3
"""Ratio of energies, or its inverse, above which a shot is reported."""

Row = dict[str, Any]
"""Metrics of one frame by name: index, steps, work, seconds, cut, and those that were measured."""


def read_rows(path: Path) -> list[Row]:
    """Return the rows of a JSON Lines file, ordered by frame index; empty if there is no file.

    Incomplete lines, left by a process that was killed while writing, are skipped.
    """
    rows: dict[int, Row] = {}
    with suppress(FileNotFoundError), path.open(encoding="utf-8") as file:
        for line in file:
            with suppress(json.JSONDecodeError, TypeError, KeyError):
                row = json.loads(line)
                rows[row["index"]] = row
    return [row for _, row in sorted(rows.items())]


def append_row(path: Path, row: Row) -> None:
    """Append the row to the file. Raises UserError if that fails."""
    with disk_errors(path), path.open("a", encoding="utf-8") as file:
        file.write("\n" + json.dumps(row))  # newline first: the last line may be incomplete


def summarize(rows: Sequence[Row]) -> dict[str, object]:
    """Return the metrics of a render by their names in report.json; None if not measured.

    rows: metrics of its frames, in order.
    """
    count = max(1, len(rows))
    seconds = {
        stage: round(sum(row["seconds"][stage] for row in rows) / count, 5)
        for stage in ("total", *STAGES)
    }
    steps = [row["steps"] for row in rows]
    after_first = steps[1:] or steps
    return {
        "frames": len(rows),
        "seconds_per_frame": seconds,
        "steps_per_frame": round(statistics.fmean(after_first), 3) if after_first else None,
        "steps_at_size": _work(rows),
        "gain": _gain(_values(rows, "gain")),
        "flicker": _mean(_values(rows, "flicker")),
        "source_flicker": _mean(_values(rows, "source_flicker")),
        "reappeared": round(sum(_values(rows, "reappeared")) / count, 5),
        "layer_energy": _energy(rows),
        "drift": _drift(rows),
        "cuts": [row["index"] for row in rows if row["cut"]],
        "vitals": _statistics(_values(rows, "vitals")),
    }


def _values(rows: Iterable[Row], name: str) -> list[Any]:
    """Return the metric `name` of every row that has it."""
    return [row[name] for row in rows if name in row]


def _work(rows: Iterable[Row]) -> dict[str, int]:
    """Return the number of gradient steps at each size, "WIDTHxHEIGHT", in order of height."""
    work: Counter[tuple[int, int]] = Counter()
    for row in rows:
        for height, width, count in row["work"]:
            work[height, width] += count
    return {f"{width}x{height}": count for (height, width), count in sorted(work.items())}


def _gain(gains: Sequence[float]) -> dict[str, float] | None:
    if not gains:
        return None
    summary = {
        "mean": statistics.fmean(gains),
        "min": min(gains),
        "max": max(gains),
        "first": gains[0],
        "last": gains[-1],
    }
    return {name: round(value, 4) for name, value in summary.items()}


def _energy(rows: Sequence[Row]) -> dict[str, dict[str, float]] | None:
    """Return the energy of the dream layer by band: first, last, smallest and largest value."""
    energies = _values(rows, "energy")
    if not energies:
        return None
    return {
        band: {"first": series[0], "last": series[-1], "min": min(series), "max": max(series)}
        for band in BANDS
        if (series := [energy[band] for energy in energies])
    }


def _drift(rows: Sequence[Row]) -> list[dict[str, object]]:
    """Return the shots whose dream layer became stronger or weaker, each with its worst band.

    ratio: mean energy of the last ENDS frames divided by that of the first ENDS after settling.
    Shots in which settings change are skipped, as they are meant to change.
    """
    shots: list[list[Row]] = []
    for row in rows:
        if not shots or row["cut"]:
            shots.append([])
        shots[-1].append(row)
    drifting: list[dict[str, object]] = []
    for shot in shots:
        energies = _values(shot, "energy")[SETTLED:]
        if len(energies) < 2 * ENDS or not all(_values(shot, "steady")):
            continue
        ratios = {}
        for band in BANDS:
            series = [energy[band] for energy in energies]
            first, last = statistics.fmean(series[:ENDS]), statistics.fmean(series[-ENDS:])
            if first > 0 and last > 0:
                ratios[band] = last / first
        worst = max(ratios, key=lambda band: abs(math.log(ratios[band])), default=None)
        if worst is not None and abs(math.log(ratios[worst])) > math.log(DRIFT):
            drifting.append(
                {"frame": shot[0]["index"], "band": worst, "ratio": round(ratios[worst], 3)}
            )
    return drifting


def _statistics(each: Sequence[dict[str, float]]) -> dict[str, list[float]] | None:
    """Return the values of each statistic over all frames, by name."""
    return {name: [one[name] for one in each] for name in each[0]} if each else None


def _mean(values: Sequence[float]) -> float | None:
    return round(statistics.fmean(values), 5) if values else None
