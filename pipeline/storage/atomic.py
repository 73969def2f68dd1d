"""Atomic file writes: to a temporary file, which is flushed to the disk and renamed."""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pipeline.errors import UserError, printable

TEMPORARY = ".tmp"
"""Suffix of a file that is still being written. Its name begins with the writer's process ID."""


def temporary_path(path: Path) -> Path:
    """Return an unused name for a temporary file in the folder of `path`.

    It is short and does not contain the name of `path`, which may already have the maximum length.
    """
    return path.with_name(f"{os.getpid()}-{time.monotonic_ns()}{TEMPORARY}")


def commit(temporary: Path, path: Path) -> None:
    """Rename a finished temporary file to `path`, with its content and name flushed to the disk.

    Raises OSError.
    """
    fsync(temporary)
    temporary.replace(path)
    fsync(path.parent)


@contextmanager
def atomic_write(path: Path) -> Iterator[Path]:
    """Provide a temporary file to write, which becomes `path` if the block succeeds.

    Otherwise it is removed. Raises OSError.
    """
    temporary = temporary_path(path)
    try:
        yield temporary
        commit(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def fsync(path: Path) -> None:
    """Flush a file, or the entries of a folder, to the disk. Raises OSError."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def disk_errors(path: Path) -> Iterator[None]:
    """Raise UserError for an OSError in the block.

    Its message says that `path` could not be written, and what to do.
    """
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise disk_full_error(path) from error
        why = error.strerror or type(error).__name__
        line = f"{printable(path)}: must be writable, got {why!r}; choose another folder"
        raise UserError(line) from error


def disk_full_error(path: Path) -> UserError:
    """Return the error for a disk or a quota that has no space left for `path`."""
    return UserError(
        f"{printable(path)}: must have free disk space, got a full disk (No space left on device); "
        "free some space and run the same command again"
    )
