"""The error of an invalid schedule, and the parts that its messages have in common."""

from __future__ import annotations

import difflib
from collections.abc import Collection

from pipeline.errors import printable


class ScheduleError(ValueError):
    """An invalid schedule. The message is a predicate to be put after the key, with the fix."""


def unknown_name(
    kind: str, name: str, known: Collection[str], text: str, column: int
) -> ScheduleError:
    """Return the error for a name in the text that is not one of the known names.

    kind: what it names, for the message. column: column of the name in the text, from 0.
    """
    near = difflib.get_close_matches(name, list(known), n=2, cutoff=0.5)
    fix = f"did you mean {' or '.join(near)}?" if near else f"use one of {', '.join(known)}"
    return ScheduleError(
        f"must use known {kind}s, got {printable(name)!r} at column {column + 1} of "
        f"{shorten(text)}; {fix}"
    )


def shorten(text: str) -> str:
    """Return the text in quotes, shortened to fit on one line."""
    text = printable(text)
    return repr(text if len(text) <= 60 else text[:57] + "...")
