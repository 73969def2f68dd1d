"""Tables in Markdown: compact in the documentation, with aligned columns in a terminal."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table. Each row has as many cells as the head."""
    return "\n".join([_line(head), "|" + "---|" * len(head), *map(_line, rows)])


def bold(cells: Iterable[str]) -> list[str]:
    """Return these cells in bold."""
    return [f"**{cell}**" for cell in cells]


def aligned(text: str) -> str:
    """Return Markdown with the cells of each table padded to the width of their column."""
    lines: list[str] = []
    for is_table, block in groupby(text.splitlines(), key=lambda line: line.startswith("|")):
        rows = list(block)
        lines += _padded(rows) if is_table else rows
    return "\n".join(lines)


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _padded(lines: Iterable[str]) -> Iterator[str]:
    rows = [[cell.strip() for cell in line[1:-1].split("|")] for line in lines]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        yield _line(
            [
                cell.ljust(width, "-" if cell == "---" else " ")
                for cell, width in zip(row, widths, strict=True)
            ]
        )
