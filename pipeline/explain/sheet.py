"""The sheet as a picture, drawn by matplotlib."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.explain import words
from pipeline.explain.explanation import ClassEvidence, Explanation
from pipeline.explain.overlay import overlay
from pipeline.frame import Picture

COLUMNS = 6
"""Number of pictures in a row."""
INK, PAPER, BEFORE, AFTER = "#1c1b22", "#fbfaf8", "#8d8a99", "#6f3fd0"
"""Colours of text, background, and of what belongs to the picture and to the dream."""
LINES = ("#6f3fd0", "#d0733f", "#2f8f6b", "#c23b6a", "#3f76d0", "#8a7a20")
"""Colours of the classes."""
DPI = 100


def draw(explanation: Explanation, path: Path) -> None:
    """Draw the sheet into a PNG file. Raises OSError."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    height, width = explanation.picture.shape[:2]
    shape = height / width
    said = [textwrap.wrap(line, 150) for line in _text(explanation)]
    lines = sum(map(len, said)) + len(said) * 0.35
    tile = 14 / COLUMNS
    with_control = explanation.has_control
    heat_rows = -(-len(explanation.classes) // (2 if with_control else 3))
    heights = [
        14 / 3 * shape + 0.4,
        *[tile * shape + 0.5] * heat_rows,
        tile * shape + 0.3,
        tile * shape + 0.3,
        tile * shape + 0.5,
        lines * 0.22 + 0.2,
    ]
    figure = pyplot.figure(figsize=(14, sum(heights) + 0.6), facecolor=PAPER, dpi=DPI)
    try:
        grid = figure.add_gridspec(
            len(heights),
            COLUMNS,
            height_ratios=heights,
            left=0.02,
            right=0.98,
            top=1 - 0.55 / (sum(heights) + 0.6),
            bottom=0.01,
            hspace=0.12,
            wspace=0.05,
        )
        figure.text(0.02, 1 - 0.32 / (sum(heights) + 0.6), words.TITLE, size=18, color=INK,
                    weight="bold")  # fmt: skip
        _pictures(figure, grid, explanation)
        row = 1
        per_row = 2 if with_control else 3
        for first in range(0, len(explanation.classes), per_row):
            _heat_row(figure, grid, row, explanation, explanation.classes[first : first + per_row])
            row += 1
        for column, one in enumerate(explanation.layers):
            title = f"{one.layer.name}: {one.layer.kind}"
            _show(figure, grid[row, column], one.dream, title)
        _show(figure, grid[row + 1, 0], explanation.picture, f"channels of {explanation.layer}:")
        for column, channel in enumerate(explanation.channels[: COLUMNS - 1], 1):
            axes = _show(
                figure,
                grid[row + 1, column],
                overlay(explanation.picture, channel.heat),
                f"channel {channel.number}",
            )
            inset = axes.inset_axes((0.6, 0.02, 0.38, 0.38 / shape if shape < 1 else 0.38))
            inset.imshow(channel.drawing)
            inset.set_axis_off()
        _growth(figure, grid, row + 2, explanation)
        axes = figure.add_subplot(grid[row + 3, :])
        axes.set_axis_off()
        text = "\n".join("\n".join(part) for part in said)
        axes.text(0, 1, text, va="top", size=10.5, color=INK, linespacing=1.5)
        figure.savefig(path, format="png")
    finally:
        pyplot.close(figure)


def _text(explanation: Explanation) -> list[str]:
    return [
        *words.sentences(explanation),
        words.HOW,
        words.LIMITS.format(cells=explanation.cells),
        *([words.CONTROL] if explanation.has_control else []),
    ]


def _show(figure: Any, place: Any, picture: Picture, title: str) -> Any:
    axes = figure.add_subplot(place)
    axes.imshow(picture)
    axes.set_axis_off()
    axes.set_title(title, size=9.5, color=INK, loc="left", pad=4)
    return axes


def _pictures(figure: Any, grid: Any, explanation: Explanation) -> None:
    _show(figure, grid[0, 0:2], explanation.picture, "picture")
    _show(figure, grid[0, 2:4], explanation.dream, f"dream, {explanation.steps} steps")
    axes = figure.add_subplot(grid[0, 4:6])
    names = [*dict.fromkeys([*explanation.after, *explanation.before])][:8][::-1]
    for offset, colour, classes, label in (
        (0.2, BEFORE, explanation.before, "picture"),
        (-0.2, AFTER, explanation.after, "dream"),
    ):
        places = np.arange(len(names)) + offset
        axes.barh(places, [classes.get(name, 0) for name in names], 0.38, color=colour, label=label)
    axes.set_yticks(range(len(names)), names, size=9, color=INK)
    axes.tick_params(length=0)
    axes.set_xlim(0, 1)
    axes.set_xticks([0, 0.5, 1], ["0", "50 %", "100 %"], size=8)
    axes.set_facecolor(PAPER)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.legend(frameon=False, fontsize=9, loc="lower right")
    axes.set_title("leading classes", size=9.5, color=INK, loc="left", pad=4)
    box = axes.get_position()
    axes.set_position((box.x0 + box.width * 0.38, box.y0, box.width * 0.6, box.height * 0.95))


def _heat_row(
    figure: Any, grid: Any, row: int, explanation: Explanation, classes: Sequence[ClassEvidence]
) -> None:
    column = 0
    for one in classes:
        shown = [
            (explanation.picture, one.picture, f"{one.name}\npicture"),
            (explanation.dream, one.dream, f"{one.name}\ndream"),
        ]
        if one.control is not None:
            shown.append((explanation.picture, one.control, f"{one.name}\ncontrol"))
        for picture, evidence, title in shown:
            share = words.per_cent(evidence.probability)
            axes = _show(
                figure, grid[row, column], overlay(picture, evidence.heat), f"{title}: {share}"
            )
            axes.plot(*evidence.peak, "+", color="white", markersize=7, markeredgewidth=1.4)
            column += 1


def _growth(figure: Any, grid: Any, row: int, explanation: Explanation) -> None:
    growth = explanation.growth
    axes = figure.add_subplot(grid[row, 0:2])
    for colour, (name, shares) in zip(LINES, growth.probabilities.items(), strict=False):
        axes.plot(shares, color=colour, label=name, linewidth=2)
    axes.set_ylim(0, 1)
    axes.set_yticks([0, 0.5, 1], ["0", "50 %", "100 %"], size=8)
    for step in growth.octaves:
        axes.axvline(step, color=BEFORE, linewidth=0.6, linestyle=":")
    axes.tick_params(labelsize=8)
    axes.set_facecolor(PAPER)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    axes.legend(frameon=False, fontsize=8.5)
    axes.set_title(
        "growth: probability after each step; dotted: a larger octave",
        size=9.5,
        color=INK,
        loc="left",
        pad=4,
    )
    box = axes.get_position()
    axes.set_position(
        (box.x0 + 0.03, box.y0 + 0.1 * box.height, box.width - 0.05, box.height * 0.85)
    )
    for column, (step, picture) in enumerate(growth.pictures.items(), 2):
        _show(figure, grid[row, column], picture, f"after {step} steps")
