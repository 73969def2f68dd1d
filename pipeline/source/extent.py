"""The frames of an input that are rendered, and the size of the result."""

from __future__ import annotations

import logging
import math
import re
from collections.abc import Sequence
from fractions import Fraction
from typing import Annotated

from pydantic import BeforeValidator, Field

from pipeline.errors import UserError
from pipeline.limits import Limits, Positive

log = logging.getLogger(__name__)

CLOCK = re.compile(r"(?:(?:(\d+):)?(\d+):)?(\d+(?:\.\d*)?)")
"""A time as hours, minutes and seconds: 1:02:03.5."""
UNITS = re.compile(r"(?:(\d+) ?h)? ?(?:(\d+) ?m(?:in)?)? ?(?:(\d+(?:\.\d*)?) ?s(?:ec)?)?")
"""A time with units: 1h2m3.5s."""
SMALLEST = 16
"""Minimum side of input and result in pixels: a dream needs at least this."""


def parse_time(value: object) -> object:
    """Return the seconds that a text such as 1:02:03.5 or 1h2m3.5s stands for, else the value."""
    text = value.strip().lower() if isinstance(value, str) else ""
    match = CLOCK.fullmatch(text) or UNITS.fullmatch(text)
    if match is None or not any(match.groups()):
        return value
    hours, minutes, seconds = (float(part or 0) for part in match.groups())
    return 3600 * hours + 60 * minutes + seconds


Start = Annotated[float, BeforeValidator(parse_time), Field(ge=0, le=1e9, allow_inf_nan=False)]
"""Time in seconds, or text for `parse_time`."""
End = Annotated[Positive, BeforeValidator(parse_time)]
"""The same, above 0."""


def check_order(start: float | None, end: float | None) -> None:
    """Raise UserError unless `end` is later than `start`, both in seconds. None: no bound."""
    if end is not None and end <= (start or 0.0):
        raise UserError(
            f"end: must be later than start={start or 0:g} s, got {end:g} s; "
            "set a later end, or end=null"
        )


def extent(
    rate: Fraction,
    *,
    start: float | None,
    end: float | None,
    frames: int | None,
    total: int | None,
) -> tuple[int, int | None]:
    """Return the range [first, last) of input frames to render; last is None for no upper bound.

    rate: frames per second. start, end: seconds since the first picture of the input. frames:
    maximum number to render. total: number of frames of the input, None if unknown. Raises
    UserError if the range is empty.
    """
    first = frame_at(start or 0.0, rate)
    if total is not None and first >= total:
        raise UserError(
            f"start: must be before the input's end at {float(total / rate):g} s, "
            f"got {start or 0:g} s; set an earlier start"
        )
    last = None if end is None else frame_at(end, rate)
    if last is not None and last <= first:
        raise UserError(
            f"end: must be at least one frame (1/{float(rate):g} s) later than "
            f"start={start or 0:g} s, got {end:g} s; set a later end, or end=null"
        )
    if frames is not None:
        last = first + frames if last is None else min(last, first + frames)
    return first, last


def frame_at(seconds: float, rate: Fraction) -> int:
    """Return the index of the frame nearest to a time, at `rate` frames per second."""
    return math.floor(Fraction(seconds) * rate + Fraction(1, 2))


def frames_between(total: int | None, first: int, last: int | None) -> int | None:
    """Return the number of frames in [first, last), or to the end; None if it is unknown."""
    if total is None:
        return None if last is None else last - first
    return (total if last is None else min(total, last)) - first


def output_size(
    height: int,
    width: int,
    *,
    wanted_height: int | None,
    wanted_width: int | None,
    limits: Limits,
    unit: int = 2,
    keys: Sequence[str] = ("width", "height"),
) -> tuple[int, int]:
    """Return height and width of the result in pixels.

    height, width: those of the upright input in square pixels. If only one side is wanted, the
    other follows from the aspect ratio. unit: both sides are rounded down to a multiple of it; by
    default odd sides lose a pixel, since common video formats halve the chroma resolution. keys:
    settings that determine the size, for the error message. Raises UserError if the input or the
    result is smaller than SMALLEST, or the result exceeds limits.pixels.
    """
    if min(height, width) < SMALLEST:
        raise UserError(
            f"input: must have at least {SMALLEST}x{SMALLEST} pixels, got {width}x{height}; "
            "use a larger one"
        )
    tall, wide = wanted_height or height, wanted_width or width
    if wanted_width is None and wanted_height is not None:
        wide = unit * round(Fraction(width * wanted_height, unit * height))
    elif wanted_height is None and wanted_width is not None:
        tall = unit * round(Fraction(height * wanted_width, unit * width))
    size = tall - tall % unit, wide - wide % unit
    if min(size) < SMALLEST or size[0] * size[1] > limits.pixels:
        change = "larger" if min(size) < SMALLEST else "smaller"
        raise UserError(
            f"{', '.join(keys)}: must give sides of at least {SMALLEST} pixels and at most "
            f"limits.pixels={limits.pixels} pixels in total, got {size[1]}x{size[0]}; "
            f"set a {change} {' or '.join(keys)}"
        )
    if size != (tall, wide):
        log.info(
            "%dx%d pixels are reduced to %dx%d: both sides must be even", wide, tall, *size[::-1]
        )
    return size
