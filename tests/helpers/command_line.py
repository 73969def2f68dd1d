"""Runs `python -m pipeline` as a user does, for the tests of the command line.

Importing torch takes seconds, so most runs are forked from a server that has done it once.
"""

from __future__ import annotations

import multiprocessing
import os
import runpy
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from multiprocessing.connection import wait
from pathlib import Path
from typing import Any

SECONDS = 120
"""Many times longer than any run of the tests takes: one that is not over by then hangs."""
PRELOADED = [
    "pipeline.config.compose",
    "pipeline.model.efficientnet_lite",
    "pipeline.cuts.adaptive",
    "hydra",
]
_EXIT_CODES = threading.Lock()
"""Held while exit codes are read: starting a process reads those of all others, and a code that two
threads read at once is 255 for one of them."""
TOY = (
    *("trust=[helpers]", "model._target_=helpers.stages.toy_network", "~model.version"),
    "objective.layers=[second]",
)
"""A network that loads in no time, for runs in which it does not matter."""
ONE_THREAD = {"OMP_NUM_THREADS": "1"}
"""For torch: pictures are tiny, and threads that wait for a busy core take seconds a frame."""


@dataclass(frozen=True)
class Ran:
    """What a run of the command line came to."""

    code: int | None
    out: str
    err: str

    @property
    def line(self) -> str:
        """The one line on stderr of a run that the user has to fix, after what it said at first."""
        assert self.code == 2, f"exit code {self.code}, stderr:\n{self.err}"
        lines = self.err.splitlines()
        description = [number for number, line in enumerate(lines) if line.startswith("dream: ")]
        lines = lines[description[0] + 1 :] if description else lines
        assert len(lines) == 1, f"not one line on stderr:\n{self.err}"
        assert self.out == "", f"stdout:\n{self.out}"
        return lines[0].strip()


def run(*arguments: str, cwd: Path, frames: int | None = None) -> Ran:
    """The command line run in this folder, in a process forked from one that knows torch.

    frames: after so many it is ended from outside, None = never.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(PRELOADED)
    out, err = cwd.parent / f"{cwd.name}.out", cwd.parent / f"{cwd.name}.err"
    process = context.Process(target=_main, args=(arguments, cwd, out, err, frames))
    with _EXIT_CODES:
        process.start()
    hangs = not wait([process.sentinel], SECONDS)
    with _EXIT_CODES:
        if hangs:
            process.kill()
        process.join()
        code = process.exitcode
        process.close()
    if hangs:
        raise AssertionError(f"hangs: {arguments}, stderr:\n{err.read_text('utf-8')}")
    return Ran(code, out.read_text("utf-8"), err.read_text("utf-8"))


def rendered(*arguments: str, cwd: Path) -> Ran:
    """The same, for a run that does what it should."""
    ran = run(*arguments, cwd=cwd)
    assert ran.code == 0, f"exit code {ran.code}, stderr:\n{ran.err}"
    return ran


def _main(arguments: Sequence[str], cwd: Path, out: Path, err: Path, frames: int | None) -> None:
    import torch

    if frames is not None:
        _end_behind(frames)

    for path, descriptor in ((out, 1), (err, 2)):
        file = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_TRUNC)
        os.dup2(file, descriptor)
        os.close(file)
    os.chdir(cwd)
    torch.set_num_threads(1)
    sys.argv = ["dreamreel", *arguments]
    runpy.run_module("pipeline", run_name="__main__", alter_sys=True)


def _end_behind(frames: int) -> None:
    """Let SIGTERM come when so many frames are recorded."""
    from pipeline.recording.recording import Recording

    recorded = Recording.add
    left = [frames]

    def add(*arguments: Any, **options: Any) -> None:
        recorded(*arguments, **options)
        left[0] -= 1
        if not left[0]:
            signal.raise_signal(signal.SIGTERM)

    Recording.add = add  # type: ignore[method-assign]


def spawn(*command: str, cwd: Path, **environment: str) -> subprocess.Popen[str]:
    """A Python with these arguments, as a process of its own in this folder."""
    return subprocess.Popen(
        [sys.executable, *command],
        cwd=cwd,
        env={**os.environ, **ONE_THREAD, **environment},
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def ended(process: subprocess.Popen[str]) -> Ran:
    """What that process came to; it is killed if it hangs."""
    try:
        out, err = process.communicate(timeout=SECONDS)
    finally:
        process.kill()
    return Ran(process.returncode, out, err)


def files(folder: Path) -> set[str]:
    """The names of all that lies in the folder, and in folders within it."""
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}
