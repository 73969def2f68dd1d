"""Names of files as users write them: what no disk can hold is refused before it is looked for."""

from __future__ import annotations

import os
from pathlib import Path

from pipeline.errors import UserError, printable

COMPONENT, WHOLE = 255, 4095
"""Bytes of a name between two slashes, and of a whole path, at most (Linux, limits.h)."""


def check_name(key: str, name: object) -> None:
    """Check that this can be the name of a file. Raises UserError.

    key: the setting that gives it.
    """
    if not isinstance(name, str | os.PathLike):
        raise UserError(f"{key}: must be the name of a file, got {name!r}; set {key}=FILE")
    text = os.fspath(name)
    try:
        parts = [os.fsencode(part) for part in text.split("/")]
    except UnicodeEncodeError:
        parts = []
    if not parts or "\0" in text:
        raise UserError(
            f"{key}: must be a name that a disk can hold, got {printable(text)[:80]}; rename the "
            "file"
        )
    longest, whole = max(map(len, parts)), len(os.fsencode(text))
    if longest > COMPONENT or whole > WHOLE:
        raise UserError(
            f"{key}: must be a name of at most {COMPONENT} bytes, and a path of at most {WHOLE}, "
            f"got {longest} and {whole}: {printable(text)[:60]}...; use a shorter one"
        )


def is_regular(path: Path) -> bool:
    """Return whether a file is there that is no link, folder, pipe or device."""
    return path.is_file() and not path.is_symlink()
