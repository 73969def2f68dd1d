"""How soon the first gradient step begins, and how soon help and TAB are there."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

from benchmarks import harness
from pipeline.errors import UserError

ROUNDS = 7
FIRST_STEP = """
import os, sys
from pipeline.gradient import gradient
from pipeline.cli.app import main
gradient.Gradient.__call__ = lambda *_: os._exit(0)
sys.argv[0] = "dreamreel"
main()
"""
"""A whole command line, up to its first step."""
LATER, HELP, TAB = 2.0, 1.5, 0.7
"""Seconds, at most: beyond what the imports take, and in all."""


def run(out: Path, clip: Path | None) -> tuple[dict[str, object], dict[str, bool]]:
    """Return the figures, and which demands they meet. clip: a real one, bikes.mp4."""
    clip = harness.needed(clip, "startup")
    render = [f"input={clip}", f"output={out / 'startup.mp4'}", "overwrite=true", "width=640"]
    ways = {
        "import torch, torchvision": ["-c", "import torch, torchvision"],
        "the first step": ["-c", FIRST_STEP, *render],
        "--help": ["-m", "pipeline", "--help"],
        "TAB": ["-m", "pipeline", "-sc", "query=bash"],
    }
    spans: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(ROUNDS):  # in turns, so that all see the same load
        for name, words in ways.items():
            spans[name].append(_seconds(words))
    found = {name: statistics.median(some) for name, some in spans.items()}
    for name, seconds in found.items():
        print(f"{name}: {seconds:.2f} s")
    later = found["the first step"] - found["import torch, torchvision"]
    return dict(found), {
        f"the first step begins {later:.2f} <= {LATER} s after the imports": later <= LATER,
        f"--help takes {found['--help']:.2f} <= {HELP} s": found["--help"] <= HELP,
        f"TAB takes {found['TAB']:.2f} <= {TAB} s": found["TAB"] <= TAB,
    }


def _seconds(words: list[str]) -> float:
    """Of a Python with these words, from its start to its end."""
    environment: Mapping[str, str] = {
        **os.environ,
        "COMP_LINE": "dreamreel look=",
        "COMP_POINT": "15",
    }
    began = time.perf_counter()
    done = subprocess.run(
        [sys.executable, *words], env=environment, capture_output=True, check=False
    )
    seconds = time.perf_counter() - began
    if done.returncode:
        raise UserError(f"{' '.join(words)}: must run, got {done.stderr.decode()[-300:]}; fix it")
    return seconds
