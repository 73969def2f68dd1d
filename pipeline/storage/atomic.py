"""Files that are whole or not there: written aside, flushed to the disk, renamed."""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pipeline.errors import UserError, printable

TEMPORARY = ".tmp"
"""Suffix of a file that does not count yet. Its name begins with the number of its writer."""


def temporary_path(path: Path) -> Path:
    """Return a new name in path's folder for a file that does not count yet.

    Short and plain whatever path is called: path's own name may be as long as names can be.
    """
    return path.with_name(f"{os.getpid()}-{time.monotonic_ns()}{TEMPORARY}")


def commit(temporary: Path, path: Path) -> None:
    """Let the finished half file count as path: it and its name are on the disk afterwards.

    Raises OSError.
    """
    fsync(temporary)
    temporary.replace(path)
    fsync(path.parent)


def fsync(path: Path) -> None:
    """Wait until the file, or the names in the folder, are on the disk. Raises OSError."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def disk_errors(path: Path) -> Iterator[None]:
    """Raises UserError where the disk does not do its part: what could not be written at path, and
    what to do.
    """
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise disk_full_error(path) from error
        why = error.strerror or type(error).__name__
        line = f"{printable(path)}: cannot be written, got {why!r}; choose another folder"
        raise UserError(line) from error


def disk_full_error(path: Path) -> UserError:
    """Return the error for a disk, or a share of it, that has no room left for path."""
    return UserError(
        f"{printable(path)}: the disk must have room, got a full disk (No space left on device); "
        "free some and run the same command again"
    )
