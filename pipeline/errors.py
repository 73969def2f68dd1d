"""The error that a user can fix, and how names of theirs are printed in it."""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Iterator
from contextlib import contextmanager


class UserError(Exception):
    """One line: the key or file, the rule, the value that broke it, and the remedy.

    Raised anywhere in the core; the command line prints it on stderr and exits with 2.
    """


def printable(name: object) -> str:
    """Return a file name fit for a terminal: control characters and broken bytes are escaped."""
    text = str(name)
    safe = text.encode("utf-8", "backslashreplace").decode()
    return safe if safe.isprintable() else repr(safe)[1:-1]


def did_you_mean(name: str, known: Collection[str], otherwise: str = "--help lists all") -> str:
    """Return which of the known names may have been meant."""
    near = difflib.get_close_matches(name, list(known), n=3, cutoff=0.6)
    return f"did you mean {' or '.join(near)}?" if near else otherwise


@contextmanager
def errors_of(key: str) -> Iterator[None]:
    """Let errors of an input file name this key instead of `input`."""
    try:
        yield
    except UserError as error:
        raise UserError(re.sub(r"^input\b", key, str(error))) from error
