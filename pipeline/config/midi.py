"""Notes and controllers of a MIDI file as variables of schedules; needs mido, which is optional."""

from __future__ import annotations

import bisect
import importlib.util
import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from pipeline.errors import UserError, errors_of, printable
from pipeline.storage.input_file import open_binary

RELEASE = 0.15
"""Time constant in seconds with which an onset decays, as for sound."""
HIGHEST = 127
"""Largest velocity, and largest value of a controller."""
MAX_EVENTS = 1_000_000
"""Maximum number of events in a file."""


@dataclass(frozen=True)
class Steps:
    """A value that changes at certain times."""

    times: list[float]
    """Times of the changes in seconds, ascending."""
    values: list[float]
    """Value from each of these times on."""

    def at(self, time: float) -> float:
        """Return the value at this time; 0 before the first change."""
        index = bisect.bisect_right(self.times, time)
        return self.values[index - 1] if index else 0.0


@dataclass(frozen=True)
class MidiVariables:
    """The variables of a MIDI file."""

    steps: Mapping[str, Steps]
    """Name of a variable that changes in steps -> its values."""
    onsets: list[float]
    """Times at which notes begin, in seconds, ascending."""
    rate: float
    """Frames per second."""

    def at(self, index: int) -> dict[str, float]:
        """Return the variables at this frame index. Events belong to the nearest frame."""
        time = (index + 0.5) / self.rate
        values = {name: steps.at(time) for name, steps in self.steps.items()}
        count = bisect.bisect_right(self.onsets, time)
        since = max(0.0, index / self.rate - self.onsets[count - 1]) if count else math.inf
        return {**values, "onset": math.exp(-since / RELEASE)}


def read_midi(path: Path, names: Collection[str], *, rate: float) -> MidiVariables:
    """Return these variables of a MIDI file.

    note: number of the newest note; velocity: its strength, 0..1; onset: 1 where a note begins,
    then quickly back to 0; gate: 1 while a note is held; n36: strength of note 36 while it is held;
    cc1: value of controller 1, 0..1. rate: frames per second. Raises UserError.
    """
    if importlib.util.find_spec("mido") is None:
        raise UserError(
            "midi: must have mido installed, got no such package; run: pip install mido"
        )
    import mido

    changes: dict[str, tuple[list[float], list[float]]] = {name: ([], []) for name in names}

    def change(name: str, time: float, value: float) -> None:
        if name in changes:
            changes[name][0].append(time)
            changes[name][1].append(value)

    onsets: list[float] = []
    held: set[tuple[int, int]] = set()
    time = 0.0
    with errors_of("midi"), open_binary(path) as file:
        try:
            for count, message in enumerate(mido.MidiFile(file=file)):
                if count > MAX_EVENTS:
                    raise ValueError(f"more than {MAX_EVENTS} events")
                time += message.time
                if message.type == "control_change":
                    change(f"cc{message.control}", time, message.value / HIGHEST)
                if message.type not in ("note_on", "note_off"):
                    continue
                strength = message.velocity / HIGHEST if message.type == "note_on" else 0.0
                key = message.channel, message.note
                if strength:
                    held.add(key)
                    onsets.append(time)
                    change("note", time, message.note)
                    change("velocity", time, strength)
                else:
                    held.discard(key)
                change("gate", time, float(bool(held)))
                change(f"n{message.note}", time, strength)
        except (OSError, ValueError, EOFError, KeyError, IndexError, TypeError) as error:
            raise UserError(
                f"midi: must be a standard MIDI file, got {printable(path)} "
                f"({printable(error)[:80]}); export it again"
            ) from error
    steps = {name: Steps(*held_) for name, held_ in changes.items() if name != "onset"}
    return MidiVariables(steps, onsets, rate)
