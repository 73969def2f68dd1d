"""Keyframes: values at given times, with an interpolation from each to the next."""

from __future__ import annotations

import bisect
import logging
import re
from collections.abc import Callable, Mapping
from fractions import Fraction

from pipeline.schedule.errors import ScheduleError, shorten, unknown_name
from pipeline.schedule.functions import mix, smooth

log = logging.getLogger(__name__)

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


def parse_keyframes(
    text: str, rate: float, count: int | None
) -> Callable[[Mapping[str, float]], float]:
    """Return the function of the variables for keyframes such as "0s: 1, 4s: 2 smooth, 200: 1".

    A key consists of a time in seconds or frames, a value and, optionally, the interpolation to the
    next key. A name in WAYS before the first key sets the default interpolation. rate: frames per
    second. count: number of frames of the render, None: unknown. Raises ScheduleError.
    """
    prefix = re.match(r"\s*([a-z]+)\s+(?=[\d.])", text)
    if prefix and prefix[1] not in WAYS:
        raise unknown_name("interpolation", prefix[1], WAYS, text, prefix.start(1))
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
                f"{shorten(text)}; write them like 4s: 1.06 or 100: 1.06, optionally with linear, "
                "smooth or hold after the value"
            )
        way = match["way"] or default
        if way not in WAYS:
            raise unknown_name("interpolation", way, WAYS, text, match.start("way"))
        if not match["unit"] and "." in match["time"]:
            raise ScheduleError(
                f"must give frames as whole numbers, got {match['time']} at column "
                f"{match.start('time') + 1} of {shorten(text)}; write {match['time']}s for seconds"
            )
        # an exact fraction: with rounding errors, a key could take effect one frame late
        frame = Fraction(match["time"]) * (exact if match["unit"] else 1)
        key_time = f"{match['time']}{match['unit']} at column {match.start('time') + 1}"
        if frames and frame <= frames[-1]:
            raise ScheduleError(
                f"must have keyframes in ascending order of time, got {key_time} of "
                f"{shorten(text)}; sort them and use each time once"
            )
        frames.append(frame)
        keys.append((float(match["value"]), WAYS[way]))
        position = match.end()

    if count is not None and frames[-1] > count:
        log.info("%s has keyframes after the last frame, %d", shorten(text), count)

    def value(values: Mapping[str, float]) -> float:
        now = values["frame"]
        after = bisect.bisect_right(frames, now)
        if after in (0, len(frames)):
            return keys[max(0, after - 1)][0]
        (start, way), (end, _) = keys[after - 1], keys[after]
        share = float((now - frames[after - 1]) / (frames[after] - frames[after - 1]))
        return mix(start, end, way(share))

    return value
