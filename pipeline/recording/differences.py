"""The differences between two fingerprints as text, the most telling first."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TypeAlias

from pipeline.errors import printable

SHOWN = 3
"""Number of differences that a message names."""
LONGEST = 60
"""Maximum length of a value in a message, in characters; of a longer one only the name is shown."""
TARGET = "_target_"
"""Name of the setting that contains the class of a choice."""
Changes: TypeAlias = Mapping[str, tuple[str | None, str | None]]
"""Name of a fact -> its value before and now; None: it had none."""


def differences(
    before: Mapping[str, str], now: Mapping[str, str], machine: Collection[str]
) -> list[str]:
    """Return the changes as text, such as `dreamer.step_size=0.02 (was 0.01)`.

    before, now: name -> fact. machine: names of the facts that belong to the machine and its
    software.
    """
    changes = {
        name: (before.get(name), now.get(name))
        for name in dict.fromkeys([*now, *before])
        if before.get(name) != now.get(name)
    }
    names = sorted(changes, key=lambda name: _rank(name, changes, machine))
    return [_difference(name, *changes[name]) for name in names]


def listing(texts: Sequence[str]) -> str:
    """Return the first differences, and the number of the others."""
    shown, more = ", ".join(texts[:SHOWN]), len(texts) - SHOWN
    return shown if more <= 0 else f"{shown} and {more} more difference{'s' * (more != 1)}"


def _rank(name: str, changes: Changes, machine: Collection[str]) -> int:
    """Return how little a change tells; 0 is a setting that the user has probably changed."""
    change, group = changes[name], name.partition(".")[0]
    if name == f"{group}.{TARGET}":
        return 0
    general = [other for key, other in changes.items() if "." not in key]
    follows_from_choice = None in change or f"{group}.{TARGET}" in changes
    follows_from_general = "." in name and change in general  # source.frames from frames
    if follows_from_choice or follows_from_general:
        return 3
    if " of " in name:  # the contents of a file
        return 1
    return 2 if name in machine else 0


def _difference(name: str, before: str | None, now: str | None) -> str:
    if before is None or now is None:
        return f"{printable(name)} ({'was not set' if before is None else 'is no longer set'})"
    if name.endswith(f".{TARGET}"):
        place = printable(name.removesuffix(f".{TARGET}"))
        one, other = (printable(target.rpartition(".")[2]) for target in (now, before))
        return f"another {place} ({one}, was {other})"
    if max(len(before), len(now)) > LONGEST:
        return f"other {printable(name)}" if " of " in name else f"another {printable(name)}"
    return f"{printable(name)}={printable(now)} (was {printable(before)})"
