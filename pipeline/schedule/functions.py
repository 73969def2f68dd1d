"""The functions that an expression may call."""

from __future__ import annotations

import math
from collections.abc import Callable


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
