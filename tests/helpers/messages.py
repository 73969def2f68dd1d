"""Every text that the program can show, for tests: `python -m helpers.messages` in tests/."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

PACKAGE = Path(__file__).parents[2] / "pipeline"
DEVELOPERS = re.compile(r"^[\w.]+$|^%s$|^\s*$")
"""Texts that are names or formats, not prose."""


class Message(NamedTuple):
    """One text in the code."""

    place: str
    """File and line."""
    text: str
    """The text, with {} for what is inserted."""


def messages() -> Iterator[Message]:
    """Yield all strings of the package but docstrings, with their places."""
    for path in sorted(PACKAGE.rglob("*.py")):
        tree = ast.parse(path.read_text("utf-8"))
        skipped = {
            id(node.value)
            for node in ast.walk(tree)
            if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        }
        for node in ast.walk(tree):
            if isinstance(node, ast.JoinedStr):
                skipped |= {id(part) for part in node.values}
                text = "".join(
                    str(part.value) if isinstance(part, ast.Constant) else "{}"
                    for part in node.values
                )
            elif (
                isinstance(node, ast.Constant)
                and isinstance(node.value, str)
                and id(node) not in skipped
            ):
                text = node.value
            else:
                continue
            if " " in text.strip() and not DEVELOPERS.match(text):
                place = f"{path.relative_to(PACKAGE.parent)}:{node.lineno}"
                yield Message(place, text)


if __name__ == "__main__":
    for message in messages():
        print(f"{message.place}: {message.text}")
