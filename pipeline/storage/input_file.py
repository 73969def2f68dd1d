"""Opening of input files: only regular files, and never blocking."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from pipeline.errors import UserError, printable


def require_path(path: object) -> object:
    """Return the path; raise UserError if it is missing. For use as a pydantic BeforeValidator."""
    if path is None or path == "":
        raise UserError("input: must be set, got nothing; set input=FILE")
    return path


@contextmanager
def open_input(path: Path) -> Iterator[int]:
    """Open the regular, non-empty file at `path` and yield a descriptor at its beginning.

    Raises UserError for anything else. Never blocks: a FIFO without a writer is refused.
    """
    try:
        # opening a folder succeeds too: _check refuses it; only a FIFO needs O_NONBLOCK
        file = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except (OSError, ValueError) as error:  # ValueError: a null byte in the name
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise UserError(
            f"input: must be a readable file, got {printable(path)} ({reason}); check the name"
        ) from None
    try:
        _check(os.fstat(file), path)
        yield file
    finally:
        os.close(file)


@contextmanager
def open_binary(path: Path) -> Iterator[BinaryIO]:
    """Open the regular, non-empty file at `path` for reading bytes. Raises UserError."""
    with open_input(path) as descriptor, open(descriptor, "rb", closefd=False) as file:
        yield file


def _check(facts: os.stat_result, path: Path) -> None:
    """Raise UserError unless `facts` describe a regular file that is not empty."""
    if stat.S_ISDIR(facts.st_mode):
        raise UserError(
            f"input: must be a file, got the folder {printable(path)}; "
            "choose a file in it, or set source=images for a folder of pictures"
        )
    if not stat.S_ISREG(facts.st_mode):
        raise UserError(
            f"input: must be a regular file, got the pipe or device {printable(path)}; "
            "save its content to a file first"
        )
    if facts.st_size == 0:
        raise UserError(
            f"input: must not be empty, got {printable(path)} with 0 bytes; copy it again from "
            "where it comes from"
        )
