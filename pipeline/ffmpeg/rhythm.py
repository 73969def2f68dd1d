"""Beats of music, found by librosa, which is optional."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pipeline.errors import UserError

Values = npt.NDArray[np.float64]
BEATS_PER_BAR = 4
LATEST = 4
"""Largest number of hops that beats may be late."""
RISE = 2
"""Half of the distance, in parts of a hop, over which energy rises in an attack."""
QUIET = 1e-7
"""Energy below which differences do not count."""


@dataclass(frozen=True)
class Rhythm:
    """The beats of a piece."""

    beats: Values
    """Times of the beats, in seconds."""
    downbeat: int
    """Index of the first beat that begins a bar, below BEATS_PER_BAR."""

    def at(self, times: Values) -> list[Values]:
        """Return beat, bar and bpm at these times, in seconds; all 0 without beats.

        Before the first and after the last beat, beats follow at the nearest interval.
        """
        if len(self.beats) < 2:
            return [np.zeros_like(times)] * 3
        gaps = np.diff(self.beats)
        index = np.clip(np.searchsorted(self.beats, times, side="right") - 1, 0, len(gaps) - 1)
        position = index + (times - self.beats[index]) / gaps[index]
        bars = (position - self.downbeat) / BEATS_PER_BAR
        bpm = np.full_like(times, 60 / np.median(gaps))
        return [position - np.floor(position), bars - np.floor(bars), bpm]


def rhythm(flux: Values, bass: Values, energy: Values, step: float) -> Rhythm:
    """Return the beats of a piece, by the dynamic programming of Ellis 2007, "Beat Tracking".

    flux, bass: spectral flux of everything and of the bass, of which the strongest beats begin the
    bars. energy: (hops, parts), of equal parts of each hop around its centre. step: seconds between
    two hops. Raises UserError if librosa is not installed.
    """
    if importlib.util.find_spec("librosa") is None:
        raise UserError(
            "audio: must have librosa installed for beat, bar and bpm, got no such package; run: "
            "pip install librosa"
        )
    import librosa

    if not flux.any():
        return Rhythm(np.empty(0), 0)
    # in units of hops: only the ratio of the two arguments matters
    _, hops = librosa.beat.beat_track(
        onset_envelope=flux, sr=1 / step, hop_length=1, trim=False, units="frames"
    )
    hops = _refined(np.asarray(hops, np.int64), flux)
    shift = _lateness(hops, energy)
    at_beats = bass[np.clip(np.rint(hops).astype(np.int64), 0, len(bass) - 1)]
    bars = [at_beats[first::BEATS_PER_BAR] for first in range(BEATS_PER_BAR)]
    strength = [float(values.mean()) if len(values) else 0.0 for values in bars]
    return Rhythm((hops - shift) * step, int(np.argmax(strength)))


def _lateness(hops: Values, energy: Values) -> float:
    """Return by how many hops these beats are later than the attacks of the piece, on average.

    The flux of tones that swell peaks up to LATEST hops after their attack; at the right shift, the
    energy rises most at the beats.
    """
    parts = energy.shape[1]
    level = np.log(energy.flatten() + QUIET)
    rise = np.zeros_like(level)
    rise[RISE:-RISE] = np.maximum(level[2 * RISE :] - level[: -2 * RISE], 0)
    # the middle of part p of hop h is at hop h + (p + 1/2) / parts - 1/2
    places = (hops + 0.5) * parts - 0.5
    shifts = np.arange(-parts, LATEST * parts + 1)
    means = [
        float(rise[np.clip(np.rint(places - shift).astype(int), 0, len(rise) - 1)].mean())
        for shift in shifts
    ]
    return float(shifts[int(np.argmax(means))] / parts)


def _refined(hops: npt.NDArray[np.int64], flux: Values) -> Values:
    """Return the positions of the peaks between the hops, from a parabola through three values."""
    inner = np.clip(hops, 1, len(flux) - 2)
    left, middle, right = flux[inner - 1], flux[inner], flux[inner + 1]
    bend = left - 2 * middle + right
    is_peak = (middle >= left) & (middle >= right) & (bend < 0)
    shift = np.where(is_peak, 0.5 * (left - right) / np.where(is_peak, bend, 1), 0)
    return np.asarray(hops + shift, np.float64)
