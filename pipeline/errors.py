"""Errors that the user can fix, and helpers for their messages."""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Iterator
from contextlib import contextmanager


class UserError(Exception):
    """An error that the user can fix.

    Its message is one line: the key or file, the rule, the value that violates it, and the fix. The
    command line prints it on stderr and exits with status 2.
    """


class OutputExistsError(UserError):
    """The output exists already, and must not be replaced."""

    def __init__(self, name: str) -> None:
        super().__init__(
            f"output: must not exist yet, got {name}; choose another name, or set overwrite=true"
        )
        self.name = name
        """Path of the output."""


def printable(name: object) -> str:
    """Return a name with control characters and undecodable bytes escaped, safe for a terminal."""
    text = str(name)
    safe = text.encode("utf-8", "backslashreplace").decode()
    return safe if safe.isprintable() else repr(safe)[1:-1]


def did_you_mean(name: str, known: Collection[str], otherwise: str = "--help lists all") -> str:
    """Return "did you mean ...?" with the known names closest to `name`, or else `otherwise`."""
    near = difflib.get_close_matches(name, list(known), n=3, cutoff=0.6)
    return f"did you mean {' or '.join(near)}?" if near else otherwise


@contextmanager
def errors_of(key: str) -> Iterator[None]:
    """Make UserErrors about an input file name this key instead of `input`."""
    try:
        yield
    except UserError as error:
        raise UserError(re.sub(r"^input\b", key, str(error))) from error
