"""How the program ends: its exit codes, and the line that goes with each."""

from __future__ import annotations

import os
import signal
import sys
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

from pipeline.errors import UserError

STOPPED = {
    130: "stopped at once; the same command resumes from what was saved before, if anything was",
    129: "ended with its terminal; the same command resumes",
    143: "ended from outside; the same command resumes",
}
"""Exit code -> the line that goes with it."""


def end(code: Any, line: str | None = None) -> NoReturn:
    """Exit with this code, after the line that says why."""
    line = STOPPED.get(code) if line is None else line
    if line:
        with suppress(OSError):  # the terminal may be gone
            print(line, file=sys.stderr, flush=True)
    sys.exit(code)


def print_line(line: str) -> None:
    """Print the line to stdout. Raises UserError, with the line in it, if there is no room for it.

    A reader that has gone, as `| head` does, wants no more.
    """
    try:
        print(line, flush=True)
    except OSError as error:
        # what is left of it would be written again at the end, and fail again
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)
        if isinstance(error, BrokenPipeError):
            return
        raise UserError(
            f"stdout: must be writable, got {error.strerror!r} for: {line}; the render is done"
        ) from error


def open_standard_files() -> None:
    """Open those of stdin, stdout and stderr that the caller closed, on nothing.

    Else the next file that is opened would get their number, and what is written to stderr.
    """
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(number)
        except OSError:
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)  # the lowest free number
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(number, "w" if number else "r", closefd=False))


def check_current_folder() -> None:
    """Check that there is a current folder. Raises UserError."""
    try:
        Path.cwd()
    except OSError as error:
        raise UserError(
            f"the current folder: must exist, got {error.strerror!r}; change to another folder"
        ) from error


def exit_cleanly_on_signals() -> None:
    """Let SIGTERM, and the end of the terminal, close all that is open on the way out."""
    signal.signal(signal.SIGTERM, _terminated)
    if signal.getsignal(signal.SIGHUP) is signal.SIG_DFL:  # else nohup wants it to live on
        signal.signal(signal.SIGHUP, _terminated)


def _terminated(number: int, frame: FrameType | None) -> None:
    """Leave in order: everything that is open is closed on the way out."""
    signal.signal(number, signal.SIG_IGN)
    sys.exit(128 + number)
