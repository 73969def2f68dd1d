"""One job of a sweep: whatever becomes of it, its folder tells."""

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

ANY = ("device", "OMP_NUM_THREADS")
"""What a result that is done may have been made with otherwise: it need not be made again."""


def binding_facts(facts: Mapping[str, str]) -> dict[str, str]:
    """Of what a result depends on, what it may not have been made of otherwise."""
    return {name: fact for name, fact in facts.items() if name not in ANY}


@dataclass
class RunningJob:
    """A job while it runs."""

    folder: Path
    """Of the job."""
    before: Status
    """How it ended before."""
    began: float
    """Seconds since 1970."""
    line: str = ""
    """Its summary, known in the end."""
    status: Status | None = None
    """As it is noted, None = nothing is yet, and what stands there is true."""
    stop: bool = False
    """Whether no other is to begin."""

    def is_done(self, output: Path, facts: Mapping[str, str]) -> bool:
        """Return whether that was done before; else it is noted that it begins.

        facts: what the output depends on, by name, see Fingerprint.
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
        """Before more is known."""
        gpus = os.environ.get("CUDA_VISIBLE_DEVICES", "")
        return Status(JobState.RUNNING, began=self.began, gpus=gpus)

    def ended(self, state: JobState, line: str) -> None:
        """Note how it ended."""
        status = self.status or self._status
        write_status(self.folder, replace(status, state=state, line=line, ended=time.time()))


@contextmanager
def run_job(folder: Path) -> Iterator[RunningJob]:
    """The job in this folder, which is there and nobody else's as long as the block lasts.

    Raises UserError if somebody works there.
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
