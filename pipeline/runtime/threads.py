"""Threads of the network's operations: how many, and how they wait for each other.

OpenMP reads both from the environment when torch is loaded, so they must be chosen before, and this
module must not import torch.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, MutableMapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from pipeline.runtime.cgroups import limit_files

NUMBER = "OMP_NUM_THREADS"
"""Environment variable with the number of threads; if the user has set it, nothing is changed."""
WAITING = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT")
"""Environment variables with the way of waiting; if the user has set one, it is not changed."""
AUTOMATIC = "DREAMREEL_NUM_THREADS"
"""Environment variable with the number of threads that was chosen here."""
MIN_SECONDS = 0.1
"""Shortest time over which the use of processors is measured; they are counted in hundredths."""
QUIET = 0.15
"""Cores that other processes use on a machine that counts as quiet, at most."""
STAT = Path("/proc/stat")


@dataclass(frozen=True)
class CpuTimes:
    """Processor time in seconds, from an arbitrary start."""

    wall: float
    """Time of the clock."""
    used: float
    """By all processes, on the cores that this process may use."""
    own: float
    """By this process and its finished children."""


def usable_cores(root: Path = Path("/")) -> float:
    """Return how many cores this process may use: its affinity, or the quota of its cgroups."""
    cores = float(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1)
    for file in limit_files(root, "cpu.max", controller="cpu"):
        with suppress(OSError, ValueError):  # no such file, or "max"
            quota, period = file.read_text("ascii").split()
            cores = min(cores, int(quota) / int(period))
    return cores


def cpu_times(stat: Path = STAT) -> CpuTimes | None:
    """Return the processor times so far. None: the system does not tell, as on macOS."""
    own = sum(os.times()[:4])
    try:
        usable = {f"cpu{core}" for core in os.sched_getaffinity(0)}
        rows = [line.split() for line in stat.read_text("ascii").splitlines()]
        ticks = [
            sum(int(number) for number in (*row[1:4], *row[6:9]))
            for row in rows
            if row and row[0] in usable
        ]
    except (OSError, ValueError, AttributeError):
        return None
    return CpuTimes(time.monotonic(), sum(ticks) / os.sysconf("SC_CLK_TCK"), own)


def busy_cores(start: CpuTimes, end: CpuTimes) -> float:
    """Return how many cores other processes used on average between two times; 0 if too short."""
    wall = end.wall - start.wall
    if wall < MIN_SECONDS:
        return 0.0
    others = (end.used - start.used) - (end.own - start.own)
    return max(0.0, others / wall)


def thread_count(cores: float, busy: float) -> int:
    """Return the number of threads for this many usable cores, of which others keep some busy.

    A thread that shares its core with another process delays all others at every barrier.
    """
    return max(1, round(cores - busy))


def set_threads(
    environment: MutableMapping[str, str], start: CpuTimes | None, end: CpuTimes | None
) -> None:
    """Set the variables that the user has not set. start, end: see `busy_cores`.

    Threads that spin while they wait are the fastest on a quiet machine: 480x360 on two cores took
    0.39 s per frame, and 0.58 s with threads that sleep. As soon as another process runs they are
    the slowest, 1.3 s and 0.57 s. A spin of 20,000 rounds is as slow there, one of 1,000 (0.46 and
    0.73 s) is slower in both cases than the right choice.
    """
    busy = 0.0 if start is None or end is None else busy_cores(start, end)
    if NUMBER not in environment:
        environment[NUMBER] = environment[AUTOMATIC] = str(thread_count(usable_cores(), busy))
    if busy >= QUIET and not any(name in environment for name in WAITING):
        environment["OMP_WAIT_POLICY"] = "passive"


def is_automatic(environment: Mapping[str, str]) -> bool:
    """Return whether the number of threads was chosen here, not by the user."""
    return AUTOMATIC in environment and environment[AUTOMATIC] == environment.get(NUMBER)
