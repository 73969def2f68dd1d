"""The constant frame rate that fits the time stamps of a stream best."""

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
"""Standard frame rates of cameras and editors, assumed if the time stamps jitter."""
NEAR = 0.005
"""Maximum relative difference between a measured rate and the standard rate it is taken for."""
WOBBLE = 0.03
"""The same for time stamps that jitter by a large part of a frame, as those of phones do."""
TOLERANCE = 0.4
"""Maximum distance of a time stamp from the grid of a standard rate, in frames."""


@dataclass(frozen=True)
class FrameRate:
    """The frame rate of a file, from the time stamps of its pictures."""

    rate: Fraction
    """Frames/s."""
    total: int
    """Number of frames at that rate, from the first picture to the end."""
    steady: bool
    """Whether every time stamp lies on the grid of that rate."""
    gap: float
    """Longest time in seconds between two pictures, or for which the last one is shown."""


def cadence(times: Times, *, last: float, tick: float, claimed: Fraction | None) -> FrameRate:
    """Return the frame rate of pictures at these times.

    times: seconds since the first picture, ascending. last: duration of the last picture in
    seconds. tick: resolution of the times in seconds. claimed: frames/s according to the file or
    ffmpeg, or None if unknown.
    """
    if times.size < 2:
        # a single picture in a GIF claims 100 frames/s: its duration is more meaningful
        lasting = np.array([0.0, last])
        rate = _standard(lasting) if last > 0 else claimed or Fraction(25)
        return FrameRate(rate, max(1, round(last * rate)), True, last)
    steps = np.diff(times)
    gap = max(float(steps.max()), last)
    near = _standard(times)
    # a stream of fields claims twice its frame rate
    candidates = [*([claimed, claimed / 2] if claimed else []), near]
    rate = next((rate for rate in candidates if _steady(times, tick, rate)), near)
    total = round(float(times[-1]) * rate) + max(1, round(last * rate))
    return FrameRate(rate, total, _steady(times, tick, rate), gap)


def _steady(times: Times, tick: float, rate: Fraction) -> bool:
    """Return whether the times lie on the grid of that rate, most of them one frame apart."""
    frames = times * float(rate)
    nearest = np.rint(frames)
    # every time stamp is rounded to ticks, and so is the first one, to which all are relative
    allowed = min(1.01 * tick * float(rate), 0.25)
    steps = np.diff(nearest)
    on_grid = bool((np.abs(frames - nearest) <= allowed + 1e-6).all())
    return on_grid and bool(steps.min() >= 1) and float(np.median(steps)) == 1.0


def _standard(times: Times) -> Fraction:
    """Return the standard rate nearest to the typical step, or the step's own rate if none is near.

    The typical step is the mean of the steps near the median. This excludes pauses, and the
    rounding of millisecond clocks cancels; the median alone would give 30.3 frames/s for them.
    """
    steps = np.diff(times)
    # an existing step even if two are in the middle: there may be no steps near their mean
    median = float(np.quantile(steps, 0.5, method="lower"))
    usual = steps[(steps > 0.5 * median) & (steps < 1.5 * median)]
    measured = 1 / float(usual.mean())
    nominal = _nominal(times, measured)
    if nominal is not None:
        return nominal
    nearest = min(STANDARD, key=lambda rate: abs(float(rate) - measured))
    if abs(float(nearest) / measured - 1) <= NEAR:
        return nearest
    if measured < 1:  # round the step instead, because the rate could be rounded to 0
        return 1 / Fraction(1 / measured).limit_denominator(1001)
    return Fraction(measured).limit_denominator(1001)


def _nominal(times: Times, measured: float) -> Fraction | None:
    """Return the standard rate whose grid fits jittering time stamps, or None if none fits.

    measured: approximate frames/s. An integer rate is preferred to the one that is lower by 1/1001,
    unless the time stamps distinguish them.
    """
    found = []
    for rate in STANDARD:
        if abs(float(rate) / measured - 1) > WOBBLE or times.size < 3:
            continue
        index = np.rint(times * float(rate))
        if float(np.median(np.diff(index))) != 1:
            continue
        step, start = np.polyfit(index, times, 1)
        residuals = times - (step * index + start)
        error = 3 * float(residuals.std()) / (float(index.std()) * times.size**0.5)
        if (
            float(np.abs(residuals).max()) <= TOLERANCE / float(rate)
            and abs(step - 1 / rate) <= error
        ):
            found.append(rate)
    return min(
        found, key=lambda rate: (rate.denominator == 1001, abs(rate - measured)), default=None
    )
