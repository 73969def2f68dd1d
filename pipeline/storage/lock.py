"""One render per output: a lock on its work folder."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from pipeline.errors import UserError, printable
from pipeline.storage.atomic import disk_errors
from pipeline.storage.file_names import is_regular

NAME = "lock"
TRIES, PAUSE = 5, 0.05
"""Whoever only looks whether somebody works there has it for a moment too; seconds between."""


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """The folder is ours until the block is left, however the process ends.

    Raises UserError if another one works there, or the folder cannot be written.
    """
    path = folder / NAME
    with disk_errors(path):
        if not is_regular(path):
            path.unlink(missing_ok=True)  # what a link names is not ours to write
        descriptor = _taken(path)
    # the folder too: the file may be removed by hand
    whole = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        _lock_folder(whole, folder)
        yield
    finally:
        # gone while it is still ours: whoever waits for this very file looks whether it is there
        path.unlink(missing_ok=True)
        os.close(whole)
        os.close(descriptor)


@contextmanager
def exclusive(folder: Path) -> Iterator[None]:
    """Wait until no other process is in such a block for this folder, then keep others waiting.

    For reading a file and writing it again; not together with `locked`.
    """
    descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        with suppress(OSError):  # of a disk that has no locks for folders
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def is_locked(folder: Path) -> bool:
    """Return whether somebody works in the folder."""
    try:
        descriptor = os.open(folder / NAME, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def _lock_folder(descriptor: int, folder: Path) -> None:
    """Lock an open folder. Raises UserError if another process has it."""
    for left in reversed(range(TRIES)):
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if not left:
                raise _second(folder, "another") from None
            time.sleep(PAUSE)
        except OSError:  # of a disk that has no locks for folders; the file must do
            return
        else:
            return


def _second(folder: Path, process: str) -> UserError:
    return UserError(
        f"output: only one render may work in {printable(folder)}, got a second while process "
        f"{printable(process)} works there; wait for it, or name another output"
    )


def _taken(path: Path) -> int:
    """Return the descriptor of the file, locked. Raises UserError if another process has it."""
    tries = 0
    while True:
        tries += 1
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o644)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if path.exists() and os.fstat(descriptor).st_ino == path.stat().st_ino:
                os.truncate(descriptor, 0)
                os.write(descriptor, f"{os.getpid()}\n".encode())
                return descriptor
        except BlockingIOError:
            process = os.read(descriptor, 20).decode("ascii", "replace").strip() or "another"
            os.close(descriptor)
            if tries < TRIES:
                time.sleep(PAUSE)
                continue
            raise _second(path.parent, process) from None
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)
