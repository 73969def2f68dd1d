"""The tables of each benchmark in Markdown, from its results as read from JSON.

A run prints them, and scripts/benchmark_tables.py writes them into the documentation. None of these
modules imports torch.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from benchmarks.tables import (
    busy,
    coherence,
    cost,
    drift,
    endurance,
    gpu,
    graphs,
    memory,
    motion,
    pareto,
    peers,
    precision,
    qualities,
    retiming,
    shaping,
    shots,
    sizes,
    speed,
    startup,
    step,
    survival,
    tiles,
)

TABLES: Mapping[str, Callable[[Mapping[str, Any]], str]] = {
    "busy": busy.tables,
    "coherence": coherence.tables,
    "cost": cost.tables,
    "drift": drift.tables,
    "endurance": endurance.tables,
    "gpu": gpu.tables,
    "graphs": graphs.tables,
    "memory": memory.tables,
    "motion": motion.tables,
    "pareto": pareto.tables,
    "peers": peers.tables,
    "precision": precision.tables,
    "qualities": qualities.tables,
    "retiming": retiming.tables,
    "shaping": shaping.tables,
    "shots": shots.tables,
    "sizes": sizes.tables,
    "speed": speed.tables,
    "startup": startup.tables,
    "step": step.tables,
    "survival": survival.tables,
    "tiles": tiles.tables,
}
