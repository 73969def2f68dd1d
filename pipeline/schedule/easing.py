"""Easing: how a value moves from one keyframe to the next.

Names and curves are those of CSS (W3C, "CSS Easing Functions") and of Robert Penner's equations.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

from pipeline.schedule.functions import smooth

Easing = Callable[[float], float]
"""Share of the time that has passed, 0..1 -> share of the change; 0 at 0, 1 at 1."""

OVERSHOOT = 1.70158
"""Penner's constant for an overshoot of a tenth."""
BOUNCES = ((1, 0, 0), (2, 1.5, 0.75), (2.5, 2.25, 0.9375), (2.75, 2.625, 0.984375))
"""Penner's parabolas: where one ends, its middle (both in 1 / 2.75), and its height."""
HALVINGS = 40
"""Number of halvings of an interval in which a parameter is searched."""


def cubic_bezier(x1: float, y1: float, x2: float, y2: float) -> Easing:
    """Return the curve from (0, 0) to (1, 1) with these control points; x1, x2 in [0, 1]."""

    def coordinate(first: float, second: float, s: float) -> float:
        return 3 * (1 - s) ** 2 * s * first + 3 * (1 - s) * s**2 * second + s**3

    def ease(x: float) -> float:
        low, high = 0.0, 1.0
        for _ in range(HALVINGS):
            middle = (low + high) / 2
            if coordinate(x1, x2, middle) < x:
                low = middle
            else:
                high = middle
        return coordinate(y1, y2, (low + high) / 2)

    return ease


def back(x: float) -> float:
    """Overshoot by a tenth, then return (Penner's easeOutBack)."""
    return 1 + (OVERSHOOT + 1) * (x - 1) ** 3 + OVERSHOOT * (x - 1) ** 2


def elastic(x: float) -> float:
    """Swing around the target, less and less (Penner's easeOutElastic)."""
    if x in (0, 1):
        return x
    return 2 ** (-10 * x) * math.sin((10 * x - 0.75) * math.tau / 3) + 1


def bounce(x: float) -> float:
    """Fall onto the target and bounce three times (Penner's easeOutBounce)."""
    _, middle, height = next(jump for jump in BOUNCES if x * 2.75 <= jump[0])
    return 7.5625 * (x - middle / 2.75) ** 2 + height


EASINGS: Mapping[str, Easing] = {
    "linear": lambda x: x,
    "smooth": smooth,
    "hold": lambda x: 0.0,
    "ease": cubic_bezier(0.25, 0.1, 0.25, 1),
    "ease-in": cubic_bezier(0.42, 0, 1, 1),
    "ease-out": cubic_bezier(0, 0, 0.58, 1),
    "ease-in-out": cubic_bezier(0.42, 0, 0.58, 1),
    "bezier": cubic_bezier(0.5, 0, 0.5, 1),
    "back": back,
    "elastic": elastic,
    "bounce": bounce,
}
"""Name of an easing -> its function."""
