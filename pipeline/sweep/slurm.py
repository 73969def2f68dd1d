"""Slurm's queue: whether it still has jobs of a sweep.

Who hands them over learns from Slurm's accounting that one was killed. Where there is none, that
would be never.
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
from pipeline.sweep.plan import OVER, status_of

PAUSE = 5.0
"""Seconds between two looks at the queue."""
NUMBER = re.compile(r"\d+(_\d+)?")
"""What a folder is called that is a job's."""
PATIENCE = 60
"""Looks in a row at which the queue cannot be reached, until nobody waits for it any more."""
LOOKS = 3
"""In a row without a job of ours: one that is put back into the queue is in it all the time."""


@dataclass(frozen=True)
class Queue:
    """The jobs that a sweep hands over from now on."""

    folder: Path
    """Of the sweep."""
    known: frozenset[str]
    """Numbers of those before."""

    @staticmethod
    def of(sweep: Path) -> Queue:
        """Return the queue of a sweep in that folder, before it begins."""
        return Queue(sweep / ".submitit", frozenset(_numbers(sweep / ".submitit")))

    def jobs(self) -> set[str]:
        """Slurm's numbers of our jobs that wait or run."""
        return self._found() or set()

    def _found(self) -> set[str] | None:
        """Return the same; None = the queue cannot be reached."""
        ours = {number.partition("_")[0] for number in _numbers(self.folder) - self.known}
        if not ours:
            return set()
        command = ["squeue", "--noheader", "--me", "--format=%F"]
        ran = subprocess.run(command, capture_output=True, text=True, check=False)
        return None if ran.returncode else ours & {*ran.stdout.split()}

    def wait(self) -> None:
        """Until no job of ours waits or runs."""
        vain = 0
        while (found := self._found()) != set() and vain < PATIENCE:
            vain = vain + 1 if found is None else 0
            time.sleep(PAUSE)

    def watch(self, jobs: Sequence[Path]) -> None:
        """From now on, raise UserError in the main thread once Slurm has no job of ours any more,
        though some of them, in these folders, did not come to their end.
        """
        signal.signal(signal.SIGUSR1, _lost)
        threading.Thread(target=self._watch, args=(jobs,), daemon=True).start()

    def _watch(self, jobs: Sequence[Path]) -> None:
        looks = 0
        while looks < LOOKS:
            time.sleep(PAUSE)
            handed = _numbers(self.folder) - self.known
            looks = looks + 1 if handed and self._found() == set() else 0
        if any(status_of(job).state not in OVER for job in jobs):
            signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGUSR1)


def _numbers(folder: Path) -> set[str]:
    """Slurm's numbers of the jobs that were handed over."""
    return {path.name for path in folder.glob("*") if NUMBER.fullmatch(path.name)}


def _lost(number: int, frame: FrameType | None) -> None:
    raise UserError(
        "hydra/launcher: must bring each job to its end, but Slurm has none any more; what was "
        "killed is told, and the same command resumes with it"
    )
