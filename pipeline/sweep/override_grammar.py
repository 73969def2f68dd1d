"""Quoting of text in the grammar of Hydra's overrides."""

from __future__ import annotations


def quote(text: str) -> str:
    """Return the text in quotes of Hydra's grammar, so that Hydra parses it to the same text."""
    # OmegaConf would resolve ${...}, even in a file name: escape it and the backslashes before it.
    # Then Hydra's own rule: in single quotes, escape each quote and the backslashes before it.
    head, *rest = text.split("${")
    text = head
    for chunk in rest:
        text = _double_trailing_backslashes(text) + "\\${" + chunk
    pieces = text.split("'")
    return "'" + "\\'".join(_double_trailing_backslashes(piece) for piece in pieces) + "'"


def _double_trailing_backslashes(text: str) -> str:
    """Return the text with its trailing backslashes doubled."""
    bare = text.rstrip("\\")
    return bare + "\\" * 2 * (len(text) - len(bare))


def is_quoted(value: str) -> bool:
    """Return whether a value is in quotes of Hydra's grammar."""
    return len(value) >= 2 and value[0] == value[-1] and value[0] in "'\""
