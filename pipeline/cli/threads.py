"""Chooses the number of threads of a command, and how they wait, before it loads torch."""

from __future__ import annotations

import os
import sys
import time

from pipeline.runtime.threads import MIN_SECONDS, cpu_times, set_threads

START = cpu_times()
"""Processor times when the command started, to see what other processes use."""


def choose_threads() -> None:
    """Set the variables that OpenMP reads, unless torch has been loaded and has read them."""
    if "torch" in sys.modules:
        return
    if START is not None:
        time.sleep(max(0.0, START.wall + MIN_SECONDS - time.monotonic()))
    set_threads(os.environ, START, cpu_times())
