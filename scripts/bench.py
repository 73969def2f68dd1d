"""The benchmarks of the README, as ratios within one run: scripts/bench.py NAME [--out DIR]."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from benchmarks import (
    busy,
    coherence,
    comparison,
    cost,
    drift,
    endurance,
    gpu,
    graphs,
    harness,
    memory,
    motion,
    pareto,
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
from benchmarks.facts import run_facts
from benchmarks.markdown import aligned
from benchmarks.tables import TABLES

from pipeline.config.settings import select_device
from pipeline.errors import UserError
from pipeline.runtime.determinism import use_deterministic_kernels
from pipeline.runtime.malloc import keep_freed_memory

BENCHES = {
    "busy": busy.run,
    "coherence": coherence.run,
    "cost": cost.run,
    "drift": drift.run,
    "endurance": endurance.run,
    "gpu": gpu.run,
    "graphs": graphs.run,
    "memory": memory.run,
    "motion": motion.run,
    "pareto": pareto.run,
    "peers": comparison.run,
    "precision": precision.run,
    "qualities": qualities.run,
    "retiming": retiming.run,
    "shaping": shaping.run,
    "shots": shots.run,
    "sizes": sizes.run,
    "speed": speed.run,
    "startup": startup.run,
    "step": step.run,
    "survival": survival.run,
    "tiles": tiles.run,
}


def _plain(number: Any) -> Any:
    """Return a number or truth value of NumPy as one of Python."""
    return number.item()


def main() -> None:
    """Run one benchmark, print its table, and write its results and pictures to a folder."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name", choices=BENCHES)
    parser.add_argument("--out", type=Path, default=Path("bench"), help="folder for the results")
    parser.add_argument(
        "--clip",
        type=Path,
        help="a real clip, bikes.mp4 say; most want one, drift a folder of them",
    )
    parser.add_argument(
        "--device",
        default="cpu",
        help="what to dream on; peers knows others, gpu and graphs want cuda",
    )
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    keep_freed_memory()  # as the command line does
    try:
        harness.device = select_device(arguments.device)
        use_deterministic_kernels(harness.device)
        facts = run_facts(harness.device)  # before the run: files may change meanwhile
        results, checks = BENCHES[arguments.name](arguments.out, arguments.clip)
    except UserError as error:
        print(error, file=sys.stderr)
        sys.exit(2)
    path = arguments.out / f"{arguments.name}.json"
    run = {"facts": facts, "results": results, "checks": checks}
    text = json.dumps(run, indent=2, default=_plain) + "\n"
    path.write_text(text, encoding="utf-8")
    print(aligned(TABLES[arguments.name](json.loads(text)["results"])))
    for rule, holds in checks.items():
        print(f"{'met   ' if holds else 'MISSED'}  {rule}")
    sys.exit(0 if all(checks.values()) else 1)


if __name__ == "__main__":
    main()
