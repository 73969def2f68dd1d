"""Keyframes: values at given times, with an interpolation from each to the next."""

from __future__ import annotations

import bisect
import logging
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from pipeline.schedule.easing import EASINGS, Easing, cubic_bezier
from pipeline.schedule.errors import ScheduleError, shorten, unknown_name
from pipeline.schedule.expression import NO_NAMESPACES, parse_expression
from pipeline.schedule.functions import mix
from pipeline.schedule.namespaces import Namespaces

log = logging.getLogger(__name__)

Values = Mapping[str, float]
"""Variable -> its value."""

TIME = re.compile(r"\s*(?P<time>\d+(?:\.\d*)?|\.\d+)\s*(?P<unit>s?)\s*:\s*")
NUMBER = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?")
WAY = re.compile(r"\s*(?P<way>[a-z][a-z-]*)?\s*(?:\((?P<points>[^()]*)\))?\s*(?:,|$)")
"""The interpolation after a value, and the end of the key."""
KEYFRAMES = re.compile(r"\s*([a-z-]+\s+)?[\d.]")
"""Start of a text that consists of keyframes; any other text is parsed as an expression."""
SPLINE = "catmull"
"""Interpolation by a Catmull-Rom spline, which needs the neighbours of both keys."""
WAYS = (*EASINGS, SPLINE)
"""Names of interpolations."""
OF_DEFORUM = {"t": "frame", "max_f": "(count - 1)", "fps": "rate"}
"""Variable in the brackets of a key, as in Deforum -> the same in schedules."""
LONGEST_VALUE = 1000
"""Maximum number of characters in the brackets of a key."""


@dataclass(frozen=True)
class Key:
    """A keyframe."""

    frame: Fraction
    """Index of its frame."""
    value: float | Callable[[Values], Any]
    """Its value; a function holds, changing, until the next key."""
    way: str | Easing
    """How the value moves to that of the next key: SPLINE, or the function of an easing."""

    def at(self, values: Values) -> float:
        """Return the value of the key itself. values: those of any frame."""
        if isinstance(self.value, float):
            return self.value
        return float(self.value({**values, "frame": float(self.frame)}))


def parse_keyframes(
    text: str, rate: float, count: int | None, spaces: Namespaces = NO_NAMESPACES
) -> tuple[Callable[[Values], float], frozenset[str]]:
    """Return the function of the variables for keyframes, and the variables that it uses.

    A key, as in "0s: 1, 4s: 2 smooth, 200: 1", consists of a time in seconds or frames, a value
    and, optionally, the interpolation to the next key. The name of one before the first key is the
    default. A value in brackets may be an expression, as in Deforum, where t is the index of the
    frame: "0: (1.02), 30: (1 + 0.1*sin(t/5))". rate: frames per second. count: number of frames of
    the render, None: unknown. spaces: variables with a dot in their name. Raises ScheduleError.
    """
    prefix = re.match(r"\s*([a-z-]+)\s+(?=[\d.])", text)
    default, position = (prefix[1], prefix.end()) if prefix else ("linear", 0)
    if default not in WAYS:
        raise unknown_name("interpolation", default, WAYS, text, text.index(default))
    exact = Fraction(rate).limit_denominator(1001)
    keys: list[Key] = []
    names = {"frame"}
    length = len(text.rstrip())
    while position < length:
        key, used, end = _parse_key(text, position, default, exact, spaces)
        if keys and key.frame <= keys[-1].frame:
            start = position + len(text[position:]) - len(text[position:].lstrip())
            raise ScheduleError(
                "must have keyframes in ascending order of time, got "
                f"{text[start:end].partition(':')[0].strip()} at column {start + 1} of "
                f"{shorten(text)}; sort them and use each time once"
            )
        keys.append(key)
        names |= used
        position = end
    if count is not None and keys[-1].frame > count:
        log.info("%s has keyframes after the last frame, %d", shorten(text), count)
    frames = [key.frame for key in keys]

    def value(values: Values) -> float:
        return _value(keys, bisect.bisect_right(frames, values["frame"]) - 1, values)

    return value, frozenset(names)


def _value(keys: Sequence[Key], index: int, values: Values) -> float:
    """Return the value between key `index` and the next one; -1: before the first key."""
    key = keys[max(0, index)]
    if index < 0:
        return key.at(values)
    if not isinstance(key.value, float):
        return float(key.value(values))
    if index == len(keys) - 1:
        return key.value
    following = keys[index + 1]
    share = float((values["frame"] - key.frame) / (following.frame - key.frame))
    if isinstance(key.way, str):
        return _spline(keys, index, share, values)
    return mix(key.value, following.at(values), key.way(share))


def _spline(keys: Sequence[Key], index: int, share: float, values: Values) -> float:
    """Return the value at this share of the way from key `index` to the next one.

    A cubic Hermite spline; the slope at a key is that between its neighbours (Catmull-Rom).
    """
    first, last = max(0, index - 1), min(len(keys) - 1, index + 2)
    start, end = keys[index], keys[index + 1]
    span = float(end.frame - start.frame)

    def slope(one: Key, other: Key) -> float:
        return span * (other.at(values) - one.at(values)) / float(other.frame - one.frame)

    leaving, arriving = slope(keys[first], end), slope(start, keys[last])
    a, b, s = start.at(values), end.at(values), share
    return (
        (2 * s**3 - 3 * s**2 + 1) * a
        + (s**3 - 2 * s**2 + s) * leaving
        + (3 * s**2 - 2 * s**3) * b
        + (s**3 - s**2) * arriving
    )


def _parse_key(
    text: str, start: int, default: str, rate: Fraction, spaces: Namespaces
) -> tuple[Key, set[str], int]:
    """Return the key that starts at a position, the variables that it uses, and where it ends.

    default: name of the interpolation of keys without one. Raises ScheduleError.
    """
    time = TIME.match(text, start)
    found = None if time is None else _parse_value(text, time.end(), spaces)
    end = None if found is None else WAY.match(text, found[2])
    if time is None or found is None or end is None:
        column = start + len(text[start:]) - len(text[start:].lstrip()) + 1
        raise ScheduleError(
            f"must consist of keyframes, got something else at column {column} of {shorten(text)}; "
            "write them like 4s: 1.06 or 100: 1.06, optionally with linear, smooth, hold, ease-in "
            "or another interpolation after the value"
        )
    if not time["unit"] and "." in time["time"]:
        raise ScheduleError(
            f"must give frames as whole numbers, got {time['time']} at column "
            f"{time.start('time') + 1} of {shorten(text)}; write {time['time']}s for seconds"
        )
    value, names, _ = found
    way = _way(end["way"] or default, end["points"], text, end.start())
    # an exact fraction: with rounding errors, a key could take effect one frame late
    frame = Fraction(time["time"]) * (rate if time["unit"] else 1)
    return Key(frame, value, way), names, end.end()


def _parse_value(
    text: str, start: int, spaces: Namespaces
) -> tuple[float | Callable[[Values], Any], set[str], int] | None:
    """Return the value that starts at a position, its variables, and where it ends; None: none.

    Raises ScheduleError for an expression in brackets that is none.
    """
    if text[start : start + 1] != "(":
        number = NUMBER.match(text, start)
        return None if number is None else (float(number[0]), set(), number.end())
    depth = 0
    for end in range(start, min(len(text), start + LONGEST_VALUE)):
        depth += (text[end] == "(") - (text[end] == ")")
        if depth == 0:
            break
    else:
        return None
    inner = text[start + 1 : end].strip()
    if NUMBER.fullmatch(inner):
        return float(inner), set(), end + 1
    renamed = re.sub(r"\b[a-z_]+\b", lambda name: OF_DEFORUM.get(name[0], name[0]), inner)
    value, names = parse_expression(renamed, spaces)
    return value, {*names}, end + 1


def _way(name: str, points: str | None, text: str, start: int) -> str | Easing:
    """Return the interpolation with this name, and these control points if it is a Bezier curve.

    Raises ScheduleError.
    """
    if name not in WAYS:
        raise unknown_name("interpolation", name, WAYS, text, text.index(name, start))
    if points is None:
        return name if name == SPLINE else EASINGS[name]
    numbers = [float(word) for word in points.split(",") if NUMBER.fullmatch(word.strip())]
    is_curve = name == "bezier" and len(numbers) == 4 == points.count(",") + 1
    if not is_curve or not (0 <= numbers[0] <= 1 and 0 <= numbers[2] <= 1):
        raise ScheduleError(
            f"must have control points only after bezier, and x from 0 to 1, got {name}({points}) "
            f"at column {text.index(name, start) + 1} of {shorten(text)}; write "
            "bezier(0.5,0,0.5,1)"
        )
    return cubic_bezier(*numbers)
