"""Text as the grammar of Hydra's overrides writes it."""

from __future__ import annotations


def quote(text: str) -> str:
    """Return the text as Hydra's grammar writes it down, so that it comes out as it went in."""
    # OmegaConf would resolve ${...}, even in a file's name: escape it, and the backslashes before.
    # Then Hydra's own rule: within single quotes a quote is escaped, and backslashes before one.
    head, *rest = text.split("${")
    text = head
    for part in rest:
        text = _doubled_at_end(text) + "\\${" + part
    pieces = text.split("'")
    return "'" + "\\'".join(_doubled_at_end(piece) for piece in pieces) + "'"


def _doubled_at_end(text: str) -> str:
    """Return the text with the backslashes that end it doubled."""
    bare = text.rstrip("\\")
    return bare + "\\" * 2 * (len(text) - len(bare))


def is_quoted(value: str) -> bool:
    """Return whether a value stands in quotes of Hydra's grammar."""
    return len(value) >= 2 and value[0] == value[-1] and value[0] in "'\""
