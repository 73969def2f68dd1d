"""One job of a sweep: whatever becomes of it, its folder tells."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

from pipeline.errors import UserError
from pipeline.lock import locked
from pipeline.sweep import State, Status, note, status_of

ANY = ("device", "OMP_NUM_THREADS")
"""What a result that is done may have been made with otherwise: it need not be made again."""


@dataclass
class Noted:
    """A job while it runs. line: what it came to, known in the end. before: how it ended before."""

    folder: Path
    status: Status
    before: Status
    line: str = ""

    def is_done(self, output: Path, facts: Mapping[str, str]) -> bool:
        """Whether that was done before; else it is noted what now begins.

        facts: what the output depends on, by name, see Fingerprint.
        """
        made_of = {name: fact for name, fact in facts.items() if name not in ANY}
        before = self.before
        same = (before.state, before.output, before.made_of) == (State.DONE, output.name, made_of)
        if same and output.exists():
            self.status, self.line = before, before.line
            return True
        self.status = replace(
            self.status, output=output.name, device=facts["device"], made_of=made_of
        )
        note(self.folder, self.status)
        return False

    def ended(self, state: State, line: str) -> None:
        """Note how it ended, unless that was before."""
        if self.status is not self.before:
            note(self.folder, replace(self.status, state=state, line=line, ended=time.time()))
        else:
            note(self.folder, self.before)


@contextmanager
def noted(folder: Path) -> Iterator[Noted]:
    """The job in this folder, which is there and nobody else's as long as the block lasts.

    Raises UserError if somebody works there.
    """
    with locked(folder):
        before = status_of(folder)
        gpus = os.environ.get("CUDA_VISIBLE_DEVICES", "")
        job = Noted(folder, Status(State.RUNNING, began=time.time(), gpus=gpus), before)
        note(folder, job.status)
        try:
            yield job
        except UserError as error:
            job.ended(State.FAILED, str(error))
            raise
        except Exception as error:
            job.ended(
                State.FAILED, f"a fault of ours, see its log: {type(error).__name__}: {error}"
            )
            raise
        except BaseException:
            with suppress(UserError):  # a full disk must not hide why it stopped
                job.ended(State.STOPPED, "stopped; the same command goes on")
            raise
        job.ended(State.DONE, job.line)
