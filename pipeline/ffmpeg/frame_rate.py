"""The constant rate that fits the time stamps of a stream best."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import numpy.typing as npt

Times = npt.NDArray[np.float64]

STANDARD = tuple(
    Fraction(rate)
    for rate in (
        *("10", "12", "12.5", "15", "24000/1001", "24", "25", "30000/1001", "30", "48000/1001"),
        *("48", "50", "60000/1001", "60", "90", "100", "120000/1001", "120", "240000/1001", "240"),
    )
)
"""Frames a second that cameras and editors mean when their stamps wobble."""
NEAR = 0.005
"""How far, relatively, measured stamps may lie from the standard rate that they are taken for."""

WOBBLE = 0.03
"""The same where stamps wobble by whole parts of a frame, as those of phones do."""
OFF = 0.4
"""Frames by which a stamp may lie off the grid of a nominal rate."""


@dataclass(frozen=True)
class FrameRate:
    """The rate at which the pictures of a file are shown, from their time stamps."""

    rate: Fraction
    """Frames a second."""
    total: int
    """Frames at that rate from the first picture to the end."""
    steady: bool
    """Whether every time stamp lies on the grid of that rate."""
    gap: float
    """Seconds, the longest time between two pictures."""


def cadence(times: Times, *, last: float, tick: float, claimed: Fraction | None) -> FrameRate:
    """Return the cadence of pictures at these times.

    times: seconds since the first one, ascending. last: seconds that the last picture lasts. tick:
    seconds, the resolution of the times. claimed: what the file or ffmpeg calls the rate.
    """
    if times.size < 2:
        # a still in a gif calls itself 100 frames/s: how long it is shown says more
        lasting = np.array([0.0, last])
        rate = _standard(lasting) if last > 0 else claimed or Fraction(25)
        return FrameRate(rate, max(1, round(last * rate)), True, last)
    steps = np.diff(times)
    gap = max(float(steps.max()), last)
    near = _standard(times)
    # a stream of fields claims twice the rate of its frames
    candidates = [*([claimed, claimed / 2] if claimed else []), near]
    rate = next((rate for rate in candidates if _steady(times, tick, rate)), near)
    total = round(float(times[-1]) * rate) + max(1, round(last * rate))
    return FrameRate(rate, total, _steady(times, tick, rate), gap)


def _steady(times: Times, tick: float, rate: Fraction) -> bool:
    """Return whether the times lie on a grid of that rate, most of them one frame apart."""
    frames = times * float(rate)
    nearest = np.rint(frames)
    # stamps are rounded to ticks, and so is the first, from which all are counted
    allowed = min(1.01 * tick * float(rate), 0.25)
    steps = np.diff(nearest)
    on_grid = bool((np.abs(frames - nearest) <= allowed + 1e-6).all())
    return on_grid and bool(steps.min() >= 1) and float(np.median(steps)) == 1.0


def _standard(times: Times) -> Fraction:
    """Return the standard rate nearest to the usual step, or that step's own rate if none is near.

    The mean of the steps around the median: a pause does not count, and the wobble of clocks that
    tick in milliseconds cancels, which the median alone would turn into 30.3 frames/s.
    """
    steps = np.diff(times)
    # one of the steps, even where two are in the middle: between them there may be none
    median = float(np.quantile(steps, 0.5, method="lower"))
    usual = steps[(steps > 0.5 * median) & (steps < 1.5 * median)]
    measured = 1 / float(usual.mean())
    nominal = _nominal(times, measured)
    if nominal is not None:
        return nominal
    nearest = min(STANDARD, key=lambda rate: abs(float(rate) - measured))
    if abs(float(nearest) / measured - 1) <= NEAR:
        return nearest
    if measured < 1:  # a fraction of whole seconds, which is never 0
        return 1 / Fraction(1 / measured).limit_denominator(1001)
    return Fraction(measured).limit_denominator(1001)


def _nominal(times: Times, measured: float) -> Fraction | None:
    """Return the standard rate on whose grid wobbling stamps lie, None if there is none.

    measured: frames a second, about. A whole rate comes before one of a 1001st less, unless the
    stamps tell them apart.
    """
    found = []
    for rate in STANDARD:
        if abs(float(rate) / measured - 1) > WOBBLE or times.size < 3:
            continue
        index = np.rint(times * float(rate))
        if float(np.median(np.diff(index))) != 1:
            continue
        step, start = np.polyfit(index, times, 1)
        off = times - (step * index + start)
        error = 3 * float(off.std()) / (float(index.std()) * times.size**0.5)
        if float(np.abs(off).max()) <= OFF / float(rate) and abs(step - 1 / rate) <= error:
            found.append(rate)
    return min(
        found, key=lambda rate: (rate.denominator == 1001, abs(rate - measured)), default=None
    )
