"""Schedules: numbers that change over time, given as keyframes or as expressions of time and sound.

Expressions are evaluated by simpleeval, after their syntax tree has been checked against an
allow-list: nothing in them is ever run as code.
"""

from __future__ import annotations

import ast
import bisect
import difflib
import logging
import math
import operator
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cache
from typing import Any

from simpleeval import DEFAULT_OPERATORS, SimpleEval

from pipeline.errors import printable

log = logging.getLogger(__name__)

SOUND = ("envelope", "bass", "mid", "treble", "onset")
"""Variables that describe the sound."""
VARIABLES = {
    "t": "seconds since frame 0",
    "frame": "index of the frame, from 0",
    "rate": "frames per second",
    "count": "number of frames of the render",
    "duration": "length of the render in seconds",
    "envelope": "loudness, 0..1",
    "bass": "loudness from 20 to 150 Hz, 0..1",
    "mid": "loudness from 150 to 2000 Hz, 0..1",
    "treble": "loudness from 2000 to 10000 Hz, 0..1",
    "onset": "1 at the start of a beat or note, then quickly back to 0",
}
"""Variable -> its meaning."""
CONSTANTS = {"pi": math.pi, "tau": math.tau, "e": math.e}
LONGEST = 1000
"""Maximum number of characters of a schedule; a longer one is a mistake or an attack."""
DEEPEST = 50
"""Maximum nesting depth of operations; the evaluator is recursive."""


class ScheduleError(ValueError):
    """An invalid schedule. The message is a predicate to be put after the key, with the fix."""


def floor(x: float) -> float:
    """Return the largest integer that is not greater than x."""
    return float(math.floor(x))


def ceil(x: float) -> float:
    """Return the smallest integer that is not less than x."""
    return float(math.ceil(x))


def clamp(x: float, low: float, high: float) -> float:
    """Return x limited to the range from low to high."""
    return min(max(x, low), high)


def smooth(x: float) -> float:
    """Return 0 for x <= 0, 1 for x >= 1, and a smooth transition in between (smoothstep)."""
    x = clamp(x, 0, 1)
    return x * x * (3 - 2 * x)


def mix(a: float, b: float, x: float) -> float:
    """Return the linear interpolation from a at x = 0 to b at x = 1."""
    return a + (b - a) * x


def saw(x: float) -> float:
    """Return the fractional part of x: a sawtooth wave that rises from 0 to 1 with period 1."""
    return x - math.floor(x)


def tour(t: float, place: float, places: float, seconds: float) -> float:
    """Return the weight of a place (0 .. places - 1) at time t of a round trip through all places.

    seconds: duration of the round trip. Half of the time is spent at the places, half in smooth
    transitions to the next one. The weights of all places sum to 1.
    """
    stage = saw(t / seconds) * places
    away = abs(saw((stage - place) / places + 0.5) - 0.5) * places
    return 1 - smooth((away - 0.25) * 2)


FUNCTIONS: dict[str, Callable[..., float]] = {
    f.__name__: f
    for f in (
        *(math.sin, math.cos, math.tan, math.sqrt, math.exp, math.log),
        *(abs, min, max, floor, ceil, clamp, smooth, mix, saw, tour),
    )
}
ARITY = {
    **dict.fromkeys(FUNCTIONS, (1, 1)),
    "log": (1, 2),
    "min": (2, 99),
    "max": (2, 99),
    "clamp": (3, 3),
    "mix": (3, 3),
    "tour": (4, 4),
}
"""Function name -> minimum and maximum number of arguments."""
ALLOWED = (
    *(ast.Expression, ast.Constant, ast.Name, ast.Load, ast.Call, ast.IfExp),
    *(ast.UnaryOp, ast.UAdd, ast.USub, ast.Not, ast.BoolOp, ast.And, ast.Or),
    *(ast.BinOp, ast.Add, ast.Sub, ast.Mult, ast.Div, ast.FloorDiv, ast.Mod, ast.Pow),
    *(ast.Compare, ast.Eq, ast.NotEq, ast.Lt, ast.LtE, ast.Gt, ast.GtE),
)

KEY = re.compile(
    r"\s*(?P<time>\d+(?:\.\d*)?|\.\d+)\s*(?P<unit>s?)\s*:\s*"
    r"(?P<value>[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)\s*(?P<way>[a-z]*)\s*(?:,|$)"
)
KEYFRAMES = re.compile(r"\s*([a-z]+\s+)?[\d.]")
"""Start of a text that consists of keyframes; any other text is parsed as an expression."""
WAYS: dict[str, Callable[[float], float]] = {
    "linear": lambda x: x,
    "smooth": smooth,
    "hold": lambda x: 0.0,
}
"""Interpolation from one key to the next: elapsed share of the time -> share of the change."""


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
                f"{'a number too large' if large else printable(error)} in {_short(self.text)}; "
                "limit the range with clamp()"
            ) from error
        if isinstance(value, complex) or not math.isfinite(value):
            raise ScheduleError(
                f"must be a finite number at all times, got {value} in {_short(self.text)}; "
                "limit the range with clamp()"
            )
        return float(value)


def parse(text: str, *, rate: float, count: int | None) -> Schedule:
    """Return the schedule for a text, to be parsed once and evaluated at every frame.

    rate: frames per second. count: number of frames of the render, None: unknown; keys after the
    last frame are logged. Raises ScheduleError with the column, from 1, of a syntax error.
    """
    if not text.strip():
        raise ScheduleError("must be a number, keyframes or an expression, got nothing; use 1")
    if len(text) > LONGEST:
        raise ScheduleError(f"must have at most {LONGEST} characters, got {len(text)}; shorten it")
    if ":" in text and KEYFRAMES.match(text):
        return _keyframes(text, rate, count)
    return _expression(text)


def _keyframes(text: str, rate: float, count: int | None) -> Schedule:
    """Return the schedule for keyframes such as "0s: 1, 4s: 2 smooth, 200: 1".

    A key consists of a time in seconds or frames, a value and, optionally, the interpolation to the
    next key. A name in WAYS before the first key sets the default interpolation.
    """
    prefix = re.match(r"\s*([a-z]+)\s+(?=[\d.])", text)
    if prefix and prefix[1] not in WAYS:
        raise _unknown("interpolation", prefix[1], WAYS, text, prefix.start(1))
    default, position = (prefix[1], prefix.end()) if prefix else ("linear", 0)
    exact = Fraction(rate).limit_denominator(1001)
    frames: list[Fraction] = []
    keys: list[tuple[float, Callable[[float], float]]] = []
    while text[position:].strip():
        match = KEY.match(text, position)
        if match is None:
            position += len(text[position:]) - len(text[position:].lstrip())
            raise ScheduleError(
                f"must consist of keyframes, got something else at column {position + 1} of "
                f"{_short(text)}; write them like 4s: 1.06 or 100: 1.06, optionally with linear, "
                "smooth or hold after the value"
            )
        way = match["way"] or default
        if way not in WAYS:
            raise _unknown("interpolation", way, WAYS, text, match.start("way"))
        if not match["unit"] and "." in match["time"]:
            raise ScheduleError(
                f"must give frames as whole numbers, got {match['time']} at column "
                f"{match.start('time') + 1} of {_short(text)}; write {match['time']}s for seconds"
            )
        # an exact fraction: with rounding errors, a key could take effect one frame late
        frame = Fraction(match["time"]) * (exact if match["unit"] else 1)
        key_time = f"{match['time']}{match['unit']} at column {match.start('time') + 1}"
        if frames and frame <= frames[-1]:
            raise ScheduleError(
                f"must have keyframes in ascending order of time, got {key_time} of "
                f"{_short(text)}; sort them and use each time once"
            )
        frames.append(frame)
        keys.append((float(match["value"]), WAYS[way]))
        position = match.end()

    if count is not None and frames[-1] > count:
        log.info("%s has keyframes after the last frame, %d", _short(text), count)

    def value(values: Mapping[str, float]) -> float:
        now = values["frame"]
        after = bisect.bisect_right(frames, now)
        if after in (0, len(frames)):
            return keys[max(0, after - 1)][0]
        (start, way), (end, _) = keys[after - 1], keys[after]
        share = float((now - frames[after - 1]) / (frames[after] - frames[after - 1]))
        return mix(start, end, way(share))

    return Schedule(text, frozenset({"frame"}), value)


def _expression(text: str) -> Schedule:
    # leading spaces, which simpleeval strips and the parser would take for indentation
    shift = len(text) - len(text.lstrip())
    try:
        tree = ast.parse(text.strip(), mode="eval")
    except SyntaxError as error:
        raise ScheduleError(
            f"must be a valid expression, got a syntax error at column "
            f"{(error.offset or 1) + shift} of {_short(text)}; write it like 1 + 0.2*sin(2*pi*t/4)"
        ) from None
    except (RecursionError, MemoryError, ValueError):
        raise ScheduleError(
            f"must be a valid expression, got {_short(text)}; simplify it"
        ) from None
    names: set[str] = set()
    _check(tree.body, text, shift, names, depth=0)
    tree = _Floats().visit(tree)

    def value(values: Mapping[str, float]) -> Any:
        evaluator = _evaluator()
        evaluator.names = {**CONSTANTS, **{name: float(value) for name, value in values.items()}}
        return evaluator.eval(text, tree.body)

    return Schedule(text, frozenset(names), value)


@cache
def _evaluator() -> SimpleEval:
    # numbers are floats here, so the limits of simpleeval's own power are not needed
    operators = {**DEFAULT_OPERATORS, ast.Pow: operator.pow}
    return SimpleEval(operators=operators, functions=FUNCTIONS, names={})


class _Floats(ast.NodeTransformer):
    """Converts numbers to floats, on which operations take constant time: integers could grow until
    they fill the memory.
    """

    def visit_Constant(self, node: ast.Constant) -> ast.Constant:
        assert isinstance(node.value, int | float)
        try:
            number = float(node.value)
        except OverflowError:
            number = math.inf
        return ast.copy_location(ast.Constant(number), node)


def _check(node: ast.AST, text: str, shift: int, names: set[str], depth: int) -> None:
    """Raise ScheduleError unless the tree has only allowed nodes; add its variables to `names`.

    text, shift: the expression and its number of leading spaces, for the column in the message.
    """
    column = getattr(node, "col_offset", 0) + shift
    number = isinstance(node, ast.Constant) and type(node.value) in (int, float)
    if not isinstance(node, ALLOWED) or (isinstance(node, ast.Constant) and not number):
        raise ScheduleError(
            "must contain only numbers, variables, operators and functions, got something else at "
            f"column {column + 1} of {_short(text)}; write it like 1 + 0.2*sin(2*pi*t/4)"
        )
    if depth > DEEPEST:
        raise ScheduleError(
            f"must have at most {DEEPEST} nested operations, got more in {_short(text)}; "
            "simplify it"
        )
    children = list(ast.iter_child_nodes(node))
    if isinstance(node, ast.Call):
        name = node.func.id if isinstance(node.func, ast.Name) else ""
        if name not in FUNCTIONS:
            raise _unknown("function", name or "(...)", FUNCTIONS, text, column)
        minimum, maximum = ARITY[name]
        if node.keywords or not minimum <= len(node.args) <= maximum:
            expected = {minimum: f"{minimum}", minimum + 1: f"{minimum} or {maximum}"}.get(
                maximum, f"at least {minimum}"
            )
            numbers = "number" if maximum == 1 else "numbers"
            raise ScheduleError(
                f"must call {name}() with {expected} {numbers}, got "
                f"{len(node.args) + len(node.keywords)} at column {column + 1} of {_short(text)}; "
                "correct the call"
            )
        children = list(node.args)
    if isinstance(node, ast.Name) and node.id not in CONSTANTS:
        if node.id not in VARIABLES:
            raise _unknown("variable", node.id, [*VARIABLES, *CONSTANTS], text, column)
        names.add(node.id)
    for child in children:
        _check(child, text, shift, names, depth + 1)


def _unknown(kind: str, name: str, known: Collection[str], text: str, column: int) -> ScheduleError:
    near = difflib.get_close_matches(name, list(known), n=2, cutoff=0.5)
    fix = f"did you mean {' or '.join(near)}?" if near else f"use one of {', '.join(known)}"
    return ScheduleError(
        f"must use known {kind}s, got {printable(name)!r} at column {column + 1} of "
        f"{_short(text)}; {fix}"
    )


def _short(text: str) -> str:
    """Return the text in quotes, shortened to fit on one line."""
    text = printable(text)
    return repr(text if len(text) <= 60 else text[:57] + "...")
