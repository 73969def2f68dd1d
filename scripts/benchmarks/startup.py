"""Time until the first gradient step, until --help is printed and until TAB completes."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

from benchmarks import harness
from benchmarks.tables.startup import FIRST_STEP, HELP, IMPORTS, TAB, delay
from pipeline.errors import UserError

ROUNDS = 7
PROGRAM = """
import os, sys
from pipeline.gradient import gradient
from pipeline.cli.app import main
gradient.Gradient.__call__ = lambda *_: os._exit(0)
sys.argv[0] = "dreamreel"
main()
"""
"""A program that runs the command line up to its first gradient step."""
MAX_DELAY, MAX_HELP, MAX_TAB = 2.0, 1.5, 0.7
"""Maximum seconds: of the first step after the imports, and of --help and TAB in total."""


def run(out: Path, clip: Path | None) -> tuple[dict[str, object], dict[str, bool]]:
    """Return the results, and requirement -> whether it is met. clip: bikes.mp4."""
    clip = harness.needed(clip, "startup")
    render = [f"input={clip}", f"output={out / 'startup.mp4'}", "overwrite=true", "width=640"]
    ways = {
        IMPORTS: ["-c", "import torch, torchvision"],
        FIRST_STEP: ["-c", PROGRAM, *render],
        HELP: ["-m", "pipeline", "--help"],
        TAB: ["-m", "pipeline", "-sc", "query=bash"],
    }
    spans: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(ROUNDS):  # in turns, so that all see the same machine load
        for name, words in ways.items():
            spans[name].append(_seconds(words))
    medians = {name: statistics.median(times) for name, times in spans.items()}
    later = delay(medians)
    return dict(medians), {
        f"the first step begins {later:.2f} <= {MAX_DELAY} s after the imports": later <= MAX_DELAY,
        f"--help takes {medians[HELP]:.2f} <= {MAX_HELP} s": medians[HELP] <= MAX_HELP,
        f"TAB takes {medians[TAB]:.2f} <= {MAX_TAB} s": medians[TAB] <= MAX_TAB,
    }


def _seconds(words: list[str]) -> float:
    """Return the seconds that Python runs with these arguments. Raises UserError if it fails."""
    environment: Mapping[str, str] = {
        **os.environ,
        "COMP_LINE": "dreamreel look=",
        "COMP_POINT": "15",
    }
    start = time.perf_counter()
    completed = subprocess.run(
        [sys.executable, *words], env=environment, capture_output=True, check=False
    )
    seconds = time.perf_counter() - start
    if completed.returncode:
        raise UserError(
            f"{' '.join(words)}: must run, got {completed.stderr.decode()[-300:]}; fix it"
        )
    return seconds
