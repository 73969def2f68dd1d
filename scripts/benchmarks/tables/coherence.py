"""Tables of `bench.py coherence`: flicker and gain where the motion is known."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from benchmarks.markdown import bold, table

OURS = "dreamreel, defaults"
FIGURES = {
    "gain over each-frame-alone's, frames 10..99": "gain over that of each frame alone, from frame "
    "10 on",
    "gain where content entered 0.5..1 s ago over gain elsewhere": "gain where content entered 0.5 "
    "to 1 second ago, over that elsewhere",
    "flicker of a still scene after frame 10": "flicker of a still scene after frame 10",
    "first frame after a cut against a fresh start, largest difference": "first frame after a cut, "
    "largest difference from a render that starts there",
}
"""Key of the results -> its label."""


def tables(results: Mapping[str, Any]) -> str:
    """Return the table of methods, and that of further figures of dreamreel."""
    rows = {name: row(name, figures) for name, figures in results["table"].items()}
    return "\n\n".join(
        (
            table(
                ("method", "flicker", "gain", "steps"),
                [bold(cells) if name == OURS else cells for name, cells in rows.items()],
            ),
            table(
                ("dreamreel, defaults", "figure"),
                [(label, str(results[name])) for name, label in FIGURES.items()],
            ),
        )
    )


def row(name: str, figures: Mapping[str, float]) -> list[str]:
    """Return the cells of a method."""
    gain, steps = figures["gain"], figures["steps"]
    return [name, f"{figures['flicker']:.4f}", f"{gain:.2f}", f"{steps:.1f}"]
