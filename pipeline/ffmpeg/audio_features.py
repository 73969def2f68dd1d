"""Audio features of each frame, as values in [0, 1] that schedules can use."""

from __future__ import annotations

import logging
import math
import os
import re
from collections import deque
from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from pipeline.errors import UserError, printable
from pipeline.ffmpeg.decoding import (
    check_not_killed,
    decoding,
    lines,
    memory_limit_error,
    reading,
    wait,
)
from pipeline.ffmpeg.process import SOUNDS, VIDEOS
from pipeline.ffmpeg.rhythm import rhythm
from pipeline.ffmpeg.tracks import tempo_filters
from pipeline.frame import Clip, Tracks
from pipeline.limits import Limits
from pipeline.schedule import RHYTHM, SOUND
from pipeline.storage.input_file import open_input

log = logging.getLogger(__name__)

Samples = npt.NDArray[np.float32]

HERTZ = 22_050
"""Sample rate at which the audio is analysed, in Hz."""
HOP = 512
"""Samples between the centres of two successive windows: 23 ms."""
WINDOW = 2048
"""Length in samples of the Hann window for levels: 93 ms, enough to separate bass from mid."""
SHORT = 1024
"""Length in samples of the Hann window for onsets, which a longer one would blur."""
BANDS = {"envelope": (20, 10_000), "bass": (20, 150), "mid": (150, 2000), "treble": (2000, 10_000)}
"""Lowest and highest frequency of each band, in Hz; the highest is excluded."""
LOUD = 98
"""Percentile of a band's amplitude that maps to 1, so that one crash does not dwarf the rest."""
SILENCE = 1e-3
"""Smallest amplitude that may map to 1, at a full scale of 1: -60 dB. Less is silence."""
STEVENS = 0.6
"""Exponent of the power law from amplitude to loudness (Stevens 1955)."""
RELEASE = 0.15
"""Time constant in seconds with which a feature decays; it rises immediately."""
LAG = 3
"""Hops between the two spectra that are compared for onsets."""
PARTS = 8
"""Parts of a hop whose energy is measured: 3 ms each."""
NEIGHBOURHOOD = 0.5
"""Length in seconds of the centred window whose mean flux is the baseline for onsets."""
MIN_FLUX = 0.02
"""Smallest excess of the flux over its baseline that is an onset."""
FORMATS = f"{VIDEOS},{SOUNDS}"
"""Input formats that may contain audio."""


@dataclass(frozen=True)
class AudioFeatures:
    """The audio variables of schedules, for every frame."""

    figures: npt.NDArray[np.float32]
    """(frames, variables) float32: one row per frame, columns in the order of schedule.SOUND."""

    def at(self, index: int) -> dict[str, float]:
        """Return the features of the frame with this index by name; all 0 after the audio ends."""
        if index >= len(self.figures):
            return dict.fromkeys(SOUND, 0.0)
        return dict(zip(SOUND, self.figures[index].tolist(), strict=True))


def with_audio(clip: Clip, audio: Path, limits: Limits) -> Clip:
    """Return the clip with the audio of that file instead of its own tracks.

    Raises UserError if the file has no audio.
    """
    options = ("-map", "0:a?", "-vn", "-sn", "-dn", "-c", "copy", "-f", "framecrc", "-")
    try:
        listed = list(lines(audio, (), options, limits, FORMATS))
    except UserError as error:  # the error names the setting "input"
        raise UserError(str(error).replace("input:", "audio:", 1)) from None
    codecs = [re.fullmatch(rb"#codec_id \d+: *(.*)", line) for line in listed]
    found = tuple(match[1].decode() for match in codecs if match)
    if not found:
        raise UserError(
            f"audio: must be a file that contains sound, got {printable(audio)}; "
            "set audio to another file"
        )
    seconds = None if clip.count is None else float(clip.count / clip.rate)
    return replace(clip, tracks=Tracks(audio, 0.0, seconds, found))


def analyse_audio(clip: Clip, names: Collection[str] = SOUND, *, limits: Limits) -> AudioFeatures:
    """Return the features of the clip's first audio track at each frame.

    envelope, bass, mid, treble: loudness of these bands, 1 where they are loudest. onset and those
    of the bands: strength of the onsets, from the spectral flux (Bello et al. 2005). beat, bar,
    bpm: the rhythm, see `rhythm`; 0 unless one of them is among `names`, the variables that are
    used. Logs a warning if the whole track is silent. Raises UserError if there is no audio, or
    what finds beats is not installed.
    """
    if clip.tracks is None or not clip.tracks.audio:
        raise UserError(
            "audio: must be set for schedules that use sound, got an input without sound; "
            "set audio=FILE"
        )
    levels, flux, energy = _analysed(_samples(clip.tracks, limits))
    if not (levels[:, 0] > SILENCE).any():
        log.warning(
            "%s: the first sound track (%s) is silent in the rendered part, so %s stay 0; "
            "set audio=FILE to use another sound",
            printable(clip.tracks.path),
            printable(clip.tracks.audio[0]),
            ", ".join(SOUND),
        )
    step = HOP / HERTZ
    loudness = [_with_decay(_loudness(level), step) for level in levels.T]
    onsets = [_with_decay(_onsets(column, step), step) for column in flux.T]
    heard = np.arange(len(flux)) * step
    count = math.ceil(len(flux) * step * clip.rate) if clip.count is None else clip.count
    at = np.arange(count) / float(clip.rate)
    columns = [np.interp(at, heard, figure, right=0) for figure in loudness]
    columns += [_window_maximum(at, heard, figure, 1 / float(clip.rate)) for figure in onsets]
    if set(names) & set(RHYTHM):
        sounds = at <= heard[-1] if len(heard) else np.zeros(count, bool)
        beats = rhythm(flux[:, 0], flux[:, 1], energy, step)
        columns += [column * sounds for column in beats.at(at)]
    else:
        columns += [np.zeros(count)] * len(RHYTHM)
    return AudioFeatures(np.stack(columns, axis=1).astype(np.float32))


def _samples(tracks: Tracks, limits: Limits, size: int = 1 << 18) -> Iterator[Samples]:
    """Yield the first audio track from frame 0 on as arrays of shape (samples, 2).

    size: maximum number of bytes in an array.
    """
    chain = ",".join(
        [
            f"asetpts=PTS-{tracks.offset:.9f}/TB,atrim=start=0",
            f"aresample={HERTZ}:async=1:first_pts=0",
            *tempo_filters(tracks),
            "aformat=sample_fmts=flt:channel_layouts=stereo",
        ]
    )
    rest = b""
    with open_input(tracks.path) as file:
        arguments = [
            "-copyts",
            *reading(file, limits, FORMATS),
            "-map",
            "0:a:0",
            "-af",
            chain,
            "-f",
            "f32le",
            "pipe:1",
        ]
        if tracks.seconds is not None:
            arguments[-3:-3] = ["-t", f"{tracks.seconds / tracks.tempo:.6f}"]
        with decoding(arguments, file, tracks.path, limits) as process:
            assert process.popen.stdout is not None
            pipe = process.popen.stdout.fileno()
            while True:
                wait(pipe, file=file, path=tracks.path, seconds=limits.stall_seconds)
                piece = os.read(pipe, size)
                if not piece:
                    break
                complete = len(rest + piece) // 8 * 8
                yield np.frombuffer((rest + piece)[:complete], np.float32).reshape(-1, 2)
                rest = (rest + piece)[complete:]
            process.popen.wait()
            if process.starved:
                raise memory_limit_error(tracks.path, limits)
            check_not_killed(process, tracks.path)


def _analysed(
    pieces: Iterator[Samples],
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Return the amplitudes of the bands and their spectral flux, (hops, 4), and the energy.

    The energy of the differences between samples has PARTS values per hop, (hops, PARTS): attacks
    show in it at once, but late in the flux of tones that swell.
    The window of each hop is centred on its sample. The power of both channels is added: in a
    mono mix, opposite phases would cancel.
    """
    frequencies = np.fft.rfftfreq(WINDOW, 1 / HERTZ)
    masks, short_masks = (
        [(of >= low) & (of < high) for low, high in BANDS.values()]
        for of in (frequencies, np.fft.rfftfreq(SHORT, 1 / HERTZ))
    )
    short_masks[0][:] = True  # onsets of everything
    long, short = np.hanning(WINDOW)[:, None], np.hanning(SHORT)[:, None]
    inner = slice((WINDOW - SHORT) // 2, (WINDOW + SHORT) // 2)
    before: deque[npt.NDArray[np.float64]] = deque(maxlen=LAG)
    levels: list[list[float]] = []
    flux: list[list[float]] = []
    energy: list[npt.NDArray[np.float64]] = []
    middle = slice((WINDOW - HOP) // 2, (WINDOW + HOP) // 2)
    for look in _windows(pieces):
        power = _power(look * long)
        # scaled so that a full-scale sine has amplitude 1
        levels.append([math.sqrt(power[band].sum() / 1.5) * 2 / long.sum() for band in masks])
        spectrum = np.log1p(np.sqrt(_power(look[inner] * short)) * 100 / short.sum())
        # Compared with a window that does not overlap, or a hit would be spread over several.
        rise = np.maximum(spectrum - before[0], 0) if before else np.zeros(SHORT // 2 + 1)
        flux.append([float(rise[band].mean()) for band in short_masks])
        before.append(spectrum)
        changes = np.diff(look[middle], axis=0, prepend=look[middle][:1])
        energy.append(np.square(changes).reshape(PARTS, -1).mean(axis=1, dtype=np.float64))
    shape = -1, len(BANDS)
    energies = np.array(energy).reshape(-1, PARTS)
    return np.array(levels).reshape(shape), np.array(flux).reshape(shape), energies


def _power(look: npt.NDArray[np.floating]) -> npt.NDArray[np.float64]:
    """Return the power spectrum of samples (n, 2), summed over the channels: (n // 2 + 1,)."""
    spectrum = np.fft.rfft(look, axis=0)
    return np.asarray((np.abs(spectrum).astype(np.float64) ** 2).sum(axis=1))


def _windows(pieces: Iterator[Samples]) -> Iterator[Samples]:
    """Yield the WINDOW samples centred on every HOP-th sample, padded with silence at both ends."""
    held = np.zeros((WINDOW // 2, 2), np.float32)
    for piece in pieces:
        held = np.concatenate([held, piece])
        while len(held) >= WINDOW:
            yield held[:WINDOW]
            held = held[HOP:]
    while len(held) > WINDOW // 2:
        yield np.pad(held, ((0, WINDOW - len(held)), (0, 0)))[:WINDOW]
        held = held[HOP:]


def _loudness(level: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return the loudness of a band in [0, 1] from its amplitudes."""
    loud = max(SILENCE, float(np.percentile(level, LOUD))) if len(level) else 1.0
    return np.asarray(np.clip(level / loud, 0, 1) ** STEVENS)


def _onsets(flux: npt.NDArray[np.float64], step: float) -> npt.NDArray[np.float64]:
    """Return the strength of onsets in [0, 1]: the excess of the flux over its local mean."""
    if not len(flux):
        return flux
    # divided by the samples that exist, so that the silence past the ends does not lower the mean
    width = min(round(NEIGHBOURHOOD / step), len(flux))
    kernel = np.ones(width)
    around = np.convolve(flux, kernel, "same") / np.convolve(np.ones_like(flux), kernel, "same")
    above = np.maximum(flux - around, 0)
    peaks = above[above > MIN_FLUX]
    if not len(peaks):
        return np.zeros_like(flux)
    return np.asarray(np.clip((above - MIN_FLUX) / np.percentile(peaks, 80), 0, 1))


def _with_decay(figure: npt.NDArray[np.float64], step: float) -> npt.NDArray[np.float64]:
    """Return the values with an immediate rise and an exponential decay.

    step: seconds between two values.
    """
    keep, held = math.exp(-step / RELEASE), 0.0
    out = np.empty_like(figure)
    for index, value in enumerate(figure):
        out[index] = held = max(float(value), held * keep)
    return out


def _window_maximum(
    at: npt.NDArray[np.floating],
    heard: npt.NDArray[np.floating],
    figure: npt.NDArray[np.float64],
    span: float,
) -> npt.NDArray[np.float64]:
    """Return the maximum of the values in a window around each time, so that no hit is missed.

    at: centres of the windows, in seconds. heard: times of the values, in seconds. figure: the
    values. span: length of a window in seconds. The result is 0 after the end of the values.
    """
    last = np.searchsorted(heard, at + span / 2, side="right")
    first = np.searchsorted(heard, at - span / 2, side="right")
    first = np.minimum(first, np.maximum(last - 1, 0))
    past_end = at > (heard[-1] + HOP / HERTZ if len(heard) else -1)
    return np.array(
        [
            0.0 if over or start == end else float(figure[start:end].max())
            for start, end, over in zip(first, last, past_end, strict=True)
        ]
    )
