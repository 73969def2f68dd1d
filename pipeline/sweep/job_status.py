"""A running job of a sweep, whose status is written to its folder however it ends."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

from pipeline.errors import UserError
from pipeline.storage.lock import locked
from pipeline.sweep.plan import JobState, Status, status_of, write_status

UNBOUND_FACTS = ("device", "OMP_NUM_THREADS")
"""Facts that may have changed since a job was done; the job is not run again for them."""


def binding_facts(facts: Mapping[str, str]) -> dict[str, str]:
    """Return the facts that must be unchanged for a finished result to be kept."""
    return {name: fact for name, fact in facts.items() if name not in UNBOUND_FACTS}


@dataclass
class RunningJob:
    """A job while it runs."""

    folder: Path
    """Folder of the job."""
    before: Status
    """Status that an earlier run left."""
    began: float
    """Start time, in seconds since 1970."""
    line: str = ""
    """Summary of the job, set at its end."""
    status: Status | None = None
    """Status that this run has written. None: nothing yet, so `before` is still valid."""
    stop: bool = False
    """Whether no further job is to be started after this one."""

    def is_done(self, output: Path, facts: Mapping[str, str]) -> bool:
        """Return whether an earlier run made this output; if not, write that the job is running.

        facts: what the output depends on, by name; see Fingerprint.
        """
        made_of, before = binding_facts(facts), self.before
        same = (before.state, before.output, before.made_of) == (
            JobState.DONE,
            output.name,
            made_of,
        )
        if same and output.exists():
            self.line = before.line
            return True
        self.status = replace(
            self._status, output=output.name, device=facts["device"], made_of=made_of
        )
        write_status(self.folder, self.status)
        return False

    @property
    def _status(self) -> Status:
        """Status of this run before its output is known."""
        gpus = os.environ.get("CUDA_VISIBLE_DEVICES", "")
        return Status(JobState.RUNNING, began=self.began, gpus=gpus)

    def ended(self, state: JobState, line: str) -> None:
        """Write how the job ended."""
        status = self.status or self._status
        write_status(self.folder, replace(status, state=state, line=line, ended=time.time()))


@contextmanager
def run_job(folder: Path) -> Iterator[RunningJob]:
    """Lock the folder of the job, yield the job, and write its status at the end of the block.

    Raises UserError if another process holds the lock.
    """
    with locked(folder):
        job = RunningJob(folder, status_of(folder), time.time())
        try:
            yield job
        except UserError as error:
            job.ended(JobState.FAILED, str(error))
            raise
        except Exception as error:
            reason = f"{type(error).__name__}: {error}"
            job.ended(JobState.FAILED, f"internal error, see its log: {reason}")
            raise
        except BaseException:
            with suppress(UserError):  # a full disk must not hide why it stopped
                if job.status is not None:
                    job.ended(JobState.STOPPED, "")
            raise
        if job.status is not None:
            job.ended(JobState.DONE, job.line)
