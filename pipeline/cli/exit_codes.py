"""How the program exits: exit codes with their messages, signals, and the standard streams."""

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
    130: "stopped immediately; run the same command again to resume from the last saved state",
    129: "stopped because its terminal was closed; run the same command again to resume",
    143: "stopped by a signal (SIGTERM); run the same command again to resume",
}
"""Exit code -> the message printed on stderr."""


def end(code: Any, line: str | None = None) -> NoReturn:
    """Print the line to stderr and exit with this code.

    line: None: the message in STOPPED, if the code has one.
    """
    line = STOPPED.get(code) if line is None else line
    if line:
        with suppress(OSError):  # the terminal may be gone
            print(line, file=sys.stderr, flush=True)
    sys.exit(code)


def print_text(text: str, outcome: str = "redirect it to another place") -> None:
    """Print text to stdout. Raises UserError, which contains its first line, if that fails.

    It is not an error if the reader has closed the pipe, as in `| head`. outcome: what the error
    ends with.
    """
    try:
        print(text, flush=True)
    except OSError as error:
        # otherwise the rest of the buffer would be flushed at exit, and fail again
        null_fd = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null_fd, sys.stdout.fileno())
        os.close(null_fd)
        if isinstance(error, BrokenPipeError):
            return
        line = text.partition("\n")[0]
        raise UserError(
            f"stdout: must be writable, got {error.strerror!r} for: {line}; {outcome}"
        ) from error


def open_standard_files() -> None:
    """Open /dev/null in place of those of stdin, stdout and stderr that the caller closed.

    Otherwise the next file to be opened would get their descriptor, and output meant for stderr
    would be written into it.
    """
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(number)
        except OSError:
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)  # the lowest free descriptor
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(number, "w" if number else "r", closefd=False))


def check_current_folder() -> None:
    """Raise UserError unless the current folder exists."""
    try:
        Path.cwd()
    except OSError as error:
        raise UserError(
            f"the current folder: must exist, got {error.strerror!r}; change to another folder"
        ) from error


def exit_cleanly_on_signals() -> None:
    """Make SIGTERM and SIGHUP raise SystemExit, so that open resources are closed."""
    signal.signal(signal.SIGTERM, _exit_on_signal)
    if signal.getsignal(signal.SIGHUP) is signal.SIG_DFL:  # nohup makes it ignored
        signal.signal(signal.SIGHUP, _exit_on_signal)


def _exit_on_signal(number: int, frame: FrameType | None) -> None:
    """Raise SystemExit, and ignore further signals of this kind while resources are closed."""
    signal.signal(number, signal.SIG_IGN)
    sys.exit(128 + number)
