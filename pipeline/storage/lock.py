"""A lock on a work folder, so that only one process renders an output."""

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
"""Attempts to take a lock, and seconds between them: `is_locked` holds it briefly too."""


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold the lock on the folder until the block is left, however the process ends.

    Raises UserError if another process holds it, or the folder cannot be written.
    """
    path = folder / NAME
    with disk_errors(path):
        if not is_regular(path):
            path.unlink(missing_ok=True)  # never write through a link
        descriptor = _open_locked(path)
    # lock the folder too: the lock file may be deleted by hand
    folder_descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        _lock_folder(folder_descriptor, folder)
        yield
    finally:
        # remove it while it is locked: a process that locks it next checks that it still exists
        path.unlink(missing_ok=True)
        os.close(folder_descriptor)
        os.close(descriptor)


@contextmanager
def exclusive(folder: Path) -> Iterator[None]:
    """Wait until no other process is in `exclusive` for this folder, then keep others waiting.

    For reading a file and rewriting it. Not to be combined with `locked`, which locks the folder
    as well.
    """
    descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        with suppress(OSError):  # from a file system that cannot lock folders
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def is_locked(folder: Path) -> bool:
    """Return whether a process holds the lock on the folder."""
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
    """Lock an open folder. Raises UserError if another process holds the lock."""
    for left in reversed(range(TRIES)):
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if not left:
                raise _locked_error(folder, "another") from None
            time.sleep(PAUSE)
        except OSError:  # the file system cannot lock folders: rely on the lock file
            return
        else:
            return


def _locked_error(folder: Path, process: str) -> UserError:
    """Return the error for a folder that another process has locked."""
    return UserError(
        f"output: only one render at a time may use {printable(folder)}, got a second one while "
        f"process {printable(process)} uses it; wait until that ends, or choose another output"
    )


def _open_locked(path: Path) -> int:
    """Open and lock the file; return its descriptor.

    Raises UserError if another process holds the lock.
    """
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
            raise _locked_error(path.parent, process) from None
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)
