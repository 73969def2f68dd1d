"""Slurm's queue: whether it still has jobs of a sweep.

submitit, which submits the jobs, learns from Slurm's accounting that one was killed. On a cluster
without accounting it would never learn it.
"""

from __future__ import annotations

import re
import signal
import subprocess
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from pipeline.errors import UserError
from pipeline.sweep.plan import FINAL_STATES, status_of

PAUSE = 5.0
"""Seconds between two queries of the queue."""
NUMBER = re.compile(r"\d+(_\d+)?")
"""Pattern of Slurm's job IDs, after which submitit names the folder of each job."""
PATIENCE = 60
"""Number of failed queries in a row after which `Queue.wait` gives up."""
LOOKS = 3
"""Number of queries in a row without jobs of the sweep after which it has none left.

One is enough for a requeued job, which stays in the queue all the time.
"""


@dataclass(frozen=True)
class Queue:
    """Jobs that a sweep submits to Slurm from now on."""

    folder: Path
    """submitit's folder in the folder of the sweep."""
    known: frozenset[str]
    """IDs of jobs that were submitted before."""

    @staticmethod
    def of(sweep: Path) -> Queue:
        """Return the queue of the sweep in that folder; called before the sweep submits jobs."""
        return Queue(sweep / ".submitit", frozenset(_job_ids(sweep / ".submitit")))

    def jobs(self) -> set[str]:
        """Return the IDs of the sweep's jobs that are pending or running."""
        return self._query() or set()

    def _query(self) -> set[str] | None:
        """Return the same as `jobs`; None if the query failed."""
        ids = {number.partition("_")[0] for number in _job_ids(self.folder) - self.known}
        if not ids:
            return set()
        command = ["squeue", "--noheader", "--me", "--format=%F"]
        completed = subprocess.run(command, capture_output=True, text=True, check=False)
        return None if completed.returncode else ids & {*completed.stdout.split()}

    def wait(self) -> None:
        """Wait until no job of the sweep is pending or running, or PATIENCE queries have failed."""
        failures = 0
        while (queued := self._query()) != set() and failures < PATIENCE:
            failures = failures + 1 if queued is None else 0
            time.sleep(PAUSE)

    def watch(self, jobs: Sequence[Path]) -> None:
        """Watch the queue in a thread, and raise UserError in the main thread if jobs are lost.

        They are lost if Slurm has no job of the sweep any more, but not all are in a final state.
        jobs: their folders.
        """
        signal.signal(signal.SIGUSR1, _raise_jobs_lost)
        threading.Thread(target=self._watch, args=(jobs,), daemon=True).start()

    def _watch(self, jobs: Sequence[Path]) -> None:
        empty = 0
        while empty < LOOKS:
            time.sleep(PAUSE)
            submitted = _job_ids(self.folder) - self.known
            empty = empty + 1 if submitted and self._query() == set() else 0
        if any(status_of(job).state not in FINAL_STATES for job in jobs):
            signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGUSR1)


def _job_ids(folder: Path) -> set[str]:
    """Return the IDs of the jobs that have a folder in submitit's folder."""
    return {path.name for path in folder.glob("*") if NUMBER.fullmatch(path.name)}


def _raise_jobs_lost(number: int, frame: FrameType | None) -> None:
    """Raise UserError: a signal handler."""
    raise UserError(
        "hydra/launcher: all jobs must end by themselves, got unfinished ones that Slurm no longer "
        "has; run the same command again to resume them"
    )
