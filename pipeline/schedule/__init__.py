"""Schedules: numbers that change over time, given as keyframes or as expressions of time and sound.

Expressions are evaluated by simpleeval, after their syntax tree has been checked against an
allow-list: nothing in them is ever run as code.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pipeline.errors import printable
from pipeline.schedule.errors import ScheduleError, shorten
from pipeline.schedule.expression import NO_NAMESPACES, parse_expression
from pipeline.schedule.functions import smooth
from pipeline.schedule.keyframes import KEYFRAMES, parse_keyframes
from pipeline.schedule.namespaces import Namespaces
from pipeline.schedule.variables import RHYTHM, SOUND, VARIABLES

__all__ = ["RHYTHM", "SOUND", "VARIABLES", "Schedule", "ScheduleError", "parse", "smooth"]

LONGEST, LONGEST_KEYS = 1000, 1_000_000
"""Maximum number of characters of an expression, and of keyframes, which may be from a file; a
longer one is a mistake or an attack."""


@dataclass(frozen=True)
class Schedule:
    """A number that changes over time, as a function of the variables."""

    text: str
    """Source text."""
    names: frozenset[str]
    """Variables that it uses."""
    _value: Callable[[Mapping[str, float]], Any] = field(repr=False, compare=False)

    def __call__(self, values: Mapping[str, float]) -> float:
        """Return the value. Raises ScheduleError if it is not a finite number.

        values: variable -> its value, for at least the variables in `names`.
        """
        try:
            value = self._value(values)
        except ScheduleError:
            raise
        except Exception as error:  # domain error, division by zero, overflow, evaluator limit
            large = isinstance(error, OverflowError)
            raise ScheduleError(
                "must have a value at all times, got "
                f"{'a number too large' if large else printable(error)} in {shorten(self.text)}; "
                "limit the range with clamp()"
            ) from error
        if isinstance(value, complex) or not math.isfinite(value):
            raise ScheduleError(
                f"must be a finite number at all times, got {value} in {shorten(self.text)}; "
                "limit the range with clamp()"
            )
        return float(value)


def parse(
    text: str, *, rate: float, count: int | None, spaces: Namespaces = NO_NAMESPACES
) -> Schedule:
    """Return the schedule for a text, to be parsed once and evaluated at every frame.

    rate: frames per second. count: number of frames of the render, None: unknown; keys after the
    last frame are logged. spaces: variables with a dot in their name, such as drums.onset. Raises
    ScheduleError with the column, from 1, of a syntax error.
    """
    if not text.strip():
        raise ScheduleError("must be a number, keyframes or an expression, got nothing; use 1")
    has_keys = ":" in text and KEYFRAMES.match(text)
    longest = LONGEST_KEYS if has_keys else LONGEST
    if len(text) > longest:
        raise ScheduleError(f"must have at most {longest} characters, got {len(text)}; shorten it")
    if has_keys:
        moving, used = parse_keyframes(text, rate, count, spaces)
        return Schedule(text, used, moving)
    value, names = parse_expression(text, spaces)
    return Schedule(text, names, value)
