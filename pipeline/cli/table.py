"""`dreamreel table`: the jobs of a sweep with their settings and figures, a line each."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from pipeline.cli.exit_codes import print_text
from pipeline.cli.parser import Parser
from pipeline.gallery.results import Result, as_csv, as_json, read_results, sort_results

SHOWN = ("status", "gain", "flicker", "seconds", "path")
"""Columns of the table, after those of the settings."""


def main(arguments: Sequence[str]) -> None:
    """Print the results of a sweep. Raises UserError."""
    parsed = parser().parse_args(arguments)
    keys, results = read_results(parsed.sweep)
    if parsed.sort is not None:
        results = sort_results(keys, results, parsed.sort, reverse=parsed.reverse)
    elif parsed.reverse:
        results = results[::-1]
    if parsed.csv:
        text = as_csv(keys, results)
    elif parsed.json:
        text = as_json(keys, results)
    else:
        text = aligned(keys, results)
    print_text(text.rstrip("\n"))


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    result = Parser(
        prog="dreamreel table",
        description="Print the jobs of a sweep with the settings that differ, gain, flicker, "
        "seconds and path. SWEEP/results.csv and SWEEP/results.json have the same and more.",
        epilog="dreamreel table first --sort gain --reverse",
    )
    result.add_argument("sweep", type=Path, metavar="SWEEP", help="the folder of a sweep")
    result.add_argument(
        "--sort", metavar="COLUMN", help="a setting, job, status, gain, flicker, seconds, size ..."
    )
    result.add_argument("--reverse", action="store_true", help="the largest first")
    form = result.add_mutually_exclusive_group()
    form.add_argument("--csv", action="store_true", help="comma-separated values, every column")
    form.add_argument("--json", action="store_true", help="JSON")
    return result


def aligned(keys: Sequence[str], results: Sequence[Result]) -> str:
    """Return the results as text columns: numbers on the right, texts on the left."""
    rows = [result.row(keys) for result in results]
    names = [*keys, *SHOWN]
    columns = [[name, *(_text(row[name]) for row in rows)] for name in names]
    numeric = [all(isinstance(row[name], int | float | None) for row in rows) for name in names]
    widths = [max(map(len, column)) for column in columns]
    lines = [
        "  ".join(
            cell.rjust(width) if right else cell.ljust(width)
            for cell, width, right in zip(cells, widths, numeric, strict=True)
        ).rstrip()
        for cells in zip(*columns, strict=True)
    ]
    failed = [f"{row['job']}: {row['message']}" for row in rows if row["status"] == "failed"]
    return "\n".join([*lines, *([""] if failed else []), *failed])


def _text(value: object) -> str:
    """Return the value as it is shown; a hyphen if it is unknown."""
    if value is None:
        return "-"
    return f"{value:.4g}" if isinstance(value, float) else str(value)
