"""Tables of `bench.py peers`: dreamreel and the common methods on the same clip."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

from benchmarks.markdown import bold, table

Table: TypeAlias = Mapping[str, Mapping[str, float]]
"""Method -> its figures."""
OURS = "dreamreel"
"""Beginning of the names of dreamreel's variants."""
FIGURES = ("s per frame", "gain", "flicker", "steps")


def tables(results: Mapping[str, Any]) -> str:
    """Return a table of methods for each network, and one of how much faster dreamreel is."""
    networks: dict[str, Table] = {
        name: found for name, found in results.items() if isinstance(found, Mapping)
    }
    real, *others = networks
    methods = [
        [*bold(cells[:1]), *cells[1:]] if name.startswith(OURS) else cells
        for name, cells in ((name, row(name, found)) for name, found in networks[real].items())
    ]
    # with random weights gain and flicker mean nothing
    times = [
        table((f"{network}, random weights", FIGURES[0]), [row(*one)[:2] for one in found.items()])
        for network, found in ((name, networks[name]) for name in others)
    ]
    return "\n\n".join((table((real, *FIGURES), methods), *times, _faster(results, networks)))


def row(name: str, figures: Mapping[str, float]) -> list[str]:
    """Return the cells of a method."""
    return [
        name,
        f"{figures['seconds a frame']:.2f}",
        f"{figures['gain']:.2f}",
        f"{figures['flicker']:.4f}",
        f"{figures['steps']:.1f}",
    ]


def at_equal_gain(found: Table, method: str) -> str:
    """Return our fastest variant with at least the method's gain; the last if none has it."""
    ours = [name for name in found if name.startswith(OURS)]
    good = [name for name in ours if found[name]["gain"] >= found[method]["gain"]]
    return min(good, key=lambda name: found[name]["seconds a frame"], default=ours[-1])


def times_faster(found: Table, method: str, ours: str) -> float:
    """Return the time of a frame of the method over that of a variant of dreamreel."""
    return found[method]["seconds a frame"] / found[ours]["seconds a frame"]


def _faster(results: Mapping[str, Any], networks: Mapping[str, Table]) -> str:
    """Return the table of ratios. The gain is that of the first network, with its real weights."""
    real = next(iter(networks.values()))
    rows = [["a gradient step", *(f"{results[f'{name}: a step']:.1f}" for name in networks)]]
    for method in real:
        if not method.startswith(OURS):
            ours = at_equal_gain(real, method)
            ratios = (times_faster(found, method, ours) for found in networks.values())
            lower = " (lower gain)" if real[ours]["gain"] < real[method]["gain"] else ""
            rows.append([f"{ours}{lower}, over {method}", *(f"{ratio:.1f}" for ratio in ratios)])
    return table(("times as fast; frames at equal or higher gain", *networks), rows)
