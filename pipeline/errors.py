"""What the user can mend, and what went wrong beside the way."""

from __future__ import annotations


class UserError(Exception):
    """One line: the key or file, the rule, the value that broke it, and the remedy.

    Raised anywhere in the core; the command line prints it on stderr and exits with 2.
    """


def shown(name: object) -> str:
    """A file name fit for a terminal: control characters and broken bytes are escaped."""
    text = str(name)
    safe = text.encode("utf-8", "backslashreplace").decode()
    return safe if safe.isprintable() else repr(safe)[1:-1]
