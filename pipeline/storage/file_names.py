"""Checks of file names: those that no file system accepts are refused before they are used."""

from __future__ import annotations

import os
import re
from pathlib import Path

from pipeline.errors import UserError, printable

COMPONENT, WHOLE = 255, 4095
"""Maximum length in bytes of a name between two slashes, and of a path (Linux, limits.h)."""
URL = re.compile(r"[a-z][a-z0-9+.-]*://", re.IGNORECASE)
"""The beginning of a URL."""


def check_name(key: str, name: object) -> None:
    """Raise UserError unless `name` can be the name of a file.

    key: name of the setting that holds it.
    """
    if not isinstance(name, str | os.PathLike):
        raise UserError(f"{key}: must be the name of a file, got {name!r}; set {key}=FILE")
    text = os.fspath(name)
    if URL.match(text) and not os.path.lexists(text):
        fix = (
            f"set {key}=FILE, and upload that afterwards"
            if key == "output"
            else "download it first, for example with yt-dlp"
        )
        raise UserError(f"{key}: must be a local file, got the URL {printable(text)}; {fix}")
    try:
        components = [os.fsencode(component) for component in text.split("/")]
    except UnicodeEncodeError:
        components = []
    if not components or "\0" in text:
        raise UserError(
            f"{key}: must be a valid file name, got {printable(text)[:80]}; rename the file"
        )
    longest, total = max(map(len, components)), len(os.fsencode(text))
    if longest > COMPONENT or total > WHOLE:
        raise UserError(
            f"{key}: must be a name of at most {COMPONENT} bytes, and a path of at most {WHOLE}, "
            f"got {longest} and {total}: {printable(text)[:60]}...; use a shorter one"
        )


def is_regular(path: Path) -> bool:
    """Return whether `path` is a regular file, not a link, folder, pipe or device."""
    return path.is_file() and not path.is_symlink()
