"""Plots of gain and flicker over seconds per frame, of common methods and of dreamreel."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

import torch

from benchmarks import baselines, comparison, harness
from benchmarks.tables.peers import Table
from pipeline.errors import UserError

EACH = (2, 5, 10)
"""Iterations per octave of the common methods."""
FIELD: Mapping[str, tuple[str, Callable[..., baselines.Dreams]]] = {
    "each frame by itself": ("o", baselines.alone),
    "blend .85": ("s", partial(baselines.blended, share=0.85)),
    "flow-warped blend": ("^", baselines.warped_blend),
}
"""Name -> marker in the plot, and the method, which is called with `iterations`."""
UPKEEP = (1, 4, 6)
"""Steps per frame at full size of drafts, in addition to the default draft with two."""
OURS = {
    **{f"draft, {n} a frame": ("quality=draft", f"dreamer.upkeep_iterations={n}") for n in UPKEEP},
    "draft": ("quality=draft",),
    "normal": (),
    "fine": ("quality=fine",),
}
NAMED = ("draft", "normal", "fine")


def run(out: Path, clip: Path | None) -> tuple[dict[str, object], dict[str, bool]]:
    """Return the results, and requirement -> whether it is met. clip: bikes.mp4."""
    clip = harness.needed(clip, "pareto")
    torch.set_num_threads(2)
    peer = comparison.lite0()
    methods = {
        _method_name(name, n): partial(method, iterations=n)
        for name, (_, method) in FIELD.items()
        for n in EACH
    }
    words = [f"input={clip}", f"frames={comparison.FRAMES}"]
    found = comparison.compared(peer, words, out, methods, OURS)
    rows = {name: one.row for name, one in found.items()}
    _plot(rows, out / "pareto.png")
    unbeaten = [
        name for name in methods if not any(_is_better(rows[one], rows[name]) for one in OURS)
    ]
    return dict(rows), {
        f"of {len(methods)} ways of the field, each has one of ours that is quicker, gains as much "
        f"and flickers less (not so: {', '.join(unbeaten) or 'none'})": not unbeaten,
    }


def _method_name(method: str, iterations: int) -> str:
    """Return the name of a common method with this number of iterations per octave."""
    return f"{method}, {iterations} an octave"


def _is_better(ours: Mapping[str, float], theirs: Mapping[str, float]) -> bool:
    """Return whether ours is faster, gains at least as much and flickers less."""
    quicker = ours["seconds a frame"] < theirs["seconds a frame"]
    return quicker and ours["gain"] >= theirs["gain"] and ours["flicker"] < theirs["flicker"]


def _plot(rows: Table, path: Path) -> None:
    """Write two plots over seconds per frame, side by side: gain and flicker."""
    try:
        import matplotlib.pyplot as plt
    except ModuleNotFoundError as error:
        raise UserError("pareto: must have matplotlib, got none; pip install '.[plot]'") from error
    figure, axes = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
    for axis, figure_name in zip(axes, ("gain", "flicker"), strict=True):
        for name, (mark, _) in FIELD.items():
            own = [rows[_method_name(name, iterations)] for iterations in EACH]
            axis.plot(
                [row["seconds a frame"] for row in own],
                [row[figure_name] for row in own],
                mark,
                linestyle=":",
                color="0.45",
                label=name,
            )
        ours = sorted(
            (rows[name]["seconds a frame"], rows[name][figure_name], name) for name in OURS
        )
        axis.plot(
            [one[0] for one in ours],
            [one[1] for one in ours],
            "o-",
            color="tab:red",
            label="dreamreel",
        )
        for seconds, value, name in ours:
            if name in NAMED:
                axis.annotate(
                    name,
                    (seconds, value),
                    xytext=(5, -12),
                    textcoords="offset points",
                    color="tab:red",
                )
        axis.set_xscale("log")
        axis.set_xlabel("seconds a frame")
        axis.set_ylabel(figure_name)
        axis.grid(alpha=0.3, which="both")
    axes[1].set_yscale("log")
    axes[0].legend()
    figure.savefig(path, dpi=110)
    plt.close(figure)
