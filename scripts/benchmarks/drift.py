"""Whether a shot keeps its strength: the energy of its dream layer in three bands over time."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import torch

from benchmarks import harness, scenes
from pipeline.cuts import Change
from pipeline.frame import Picture, to_picture
from pipeline.gradient import Gradient
from pipeline.imaging.metrics import BANDS, band_energy, image_statistics
from pipeline.render import RenderedFrame
from pipeline.source import Source

FRAMES = 300
SETTLED = 5
"""Frames after the first one of a shot until its energy must be constant."""
SHORTEST = 20
"""Minimum number of frames of a shot that is evaluated."""
LEVEL = 0.15
"""Maximum relative deviation of a band's energy from its mean and from the first frame's."""
TREND = 0.1
"""Maximum relative rise or fall, over the shot, of a line fitted to a band's energy."""
GAIN_EVERY = 10
FRESH_EVERY = 10
"""Interval in frames at which frames of a clip are also dreamt without a past, to compare with."""
SHOWN = (0, 50, 100, 149, 299)
"""Indices of the frames on the contact sheets."""
MOTIONS: dict[str, Callable[[int], scenes.Scene]] = {
    "still": scenes.steady,
    "pan .3": partial(scenes.steady, pixels=0.3),
    "pan .6": partial(scenes.steady, pixels=0.6),
    "pan 1": partial(scenes.steady, pixels=1),
    "pan 2.5": partial(scenes.steady, pixels=2.5),
    "pan 4.3": partial(scenes.steady, pixels=4.3),
    "zoom 1.0005": partial(scenes.steady, zoom=1.0005),
    "zoom 1.004": partial(scenes.steady, zoom=1.004),
    "turn .1": partial(scenes.steady, degrees=0.1),
    "turn .3": partial(scenes.steady, degrees=0.3),
    "pan .6, zoom 1.0005, turn .02": partial(scenes.steady, pixels=0.6, zoom=1.0005, degrees=0.02),
}
LOOKS = ("roses", "lace", "beasts")
LOOKS_MOTION = "pan .6"
CLIP_WIDTH = 400


@dataclass
class Shot:
    """Measurements of the frames of one shot.

    energies: (3,) each, by band. clipped: share of values at black or white, less that of the
    picture. gains: of every GAIN_EVERYth frame. fresh: energies, (3,) each, of frames dreamt as the
    first frame of a shot; empty if the content stays the same.
    """

    energies: list[npt.NDArray[np.float64]] = field(default_factory=list)
    clipped: list[float] = field(default_factory=list)
    gains: list[float] = field(default_factory=list)
    fresh: list[npt.NDArray[np.float64]] = field(default_factory=list)
    pictures: dict[int, Picture] = field(default_factory=dict)

    def ratios(self) -> npt.NDArray[np.float64]:
        """Return the energy relative to the first frame's, (frames after SETTLED, 3)."""
        energies: npt.NDArray[np.float64] = np.array(self.energies)
        return np.asarray(energies[SETTLED:] / energies[0])

    def add(self, dreamt: RenderedFrame, gain: float | None) -> None:
        """Add the measurements of the next frame."""
        picture, dream = dreamt.canvas.picture, dreamt.dream.image
        assert picture is not None
        self.energies.append(_energy(dreamt))
        self.clipped.append(
            float(image_statistics(dream).clipped - image_statistics(picture).clipped)
        )
        if gain is not None:
            self.gains.append(gain)
        if len(self.energies) - 1 in SHOWN:
            self.pictures[len(self.energies) - 1] = to_picture(dream)


def run(
    out: Path, clip: Path | None, *, names: Sequence[str] = ()
) -> tuple[dict[str, object], dict[str, bool]]:
    """Print a row for each band of each shot. Return results, and requirement -> whether it is met.

    clip: a real clip, or a folder of clips. names: of the renders to make; empty: all.
    """
    torch.set_num_threads(2)
    results: dict[str, object] = {}
    met: dict[str, bool] = {}
    print(
        f"{'shot':34s} {'':7s} frame 20   72  149  last    low  high  off mean  trend  gain  "
        "dreamt afresh"
    )
    for name, shots in _renders(clip, names):
        for number, shot in enumerate(shots):
            if len(shot.energies) < SHORTEST:
                continue
            label = name if len(shots) == 1 else f"{name} shot {number + 1}"
            rows = _band_statistics(label, shot)
            results[label] = rows | {
                "gain": statistics.fmean(shot.gains),
                "clipped": [shot.clipped[0], shot.clipped[-1]],
            }
            _add_checks(met, label, shot, rows)
            if shot.pictures:
                _sheet(out / f"drift-{label.replace(' ', '-').replace(',', '')}.png", shot)
    return results, met


def _renders(clip: Path | None, names: Sequence[str]) -> Iterable[tuple[str, list[Shot]]]:
    """Yield the name and the shots of each render."""
    for name, motion in MOTIONS.items():
        if not names or name in names:
            yield name, _measure(motion(FRAMES), [])
    for look in LOOKS:
        if not names or look in names:
            footage = MOTIONS[LOOKS_MOTION](FRAMES)
            yield f"{look}, {LOOKS_MOTION}", _measure(footage, [f"look={look}"])
    for path in harness.clips(clip):
        if not names or path.stem in names:
            words = [f"input={path}", f"width={CLIP_WIDTH}"]
            source = harness.stage("source", words)
            yield path.stem, _measure(source, words, afresh=True)


class _Subsampled:
    """A source of every FRESH_EVERYth picture of another source."""

    def __init__(self, source: Source) -> None:
        self._source, self.clip = source, source.clip

    def pictures(self, start: int = 0) -> Iterator[Picture | None]:
        """Yield the pictures from index `start` on."""
        return islice(self._source.pictures(), start * FRESH_EVERY, None, FRESH_EVERY)


class _AllCuts:
    """A cut detector that starts a shot at every picture."""

    def __call__(
        self, pictures: Iterable[Picture | None]
    ) -> Iterator[tuple[Picture | None, Change]]:
        return ((picture, Change.CUT) for picture in pictures)


def _energy(dreamt: RenderedFrame) -> npt.NDArray[np.float64]:
    """Return the energy of the dream layer in each band, (3,)."""
    picture = dreamt.canvas.picture
    assert picture is not None
    energy = band_energy(dreamt.dream.image - picture, torch.ones_like(picture[:, :1]))
    return np.asarray(energy.double().cpu().numpy())


def _measure(source: Source, words: Sequence[str], *, afresh: bool = False) -> list[Shot]:
    """Return the measurements of each shot of this footage, dreamt with these settings.

    afresh: whether every FRESH_EVERYth frame is also dreamt as the first frame of a shot.
    """
    gradient = harness.gradient(words)
    shots: list[Shot] = []
    fresh: list[npt.NDArray[np.float64]] = []
    if afresh:
        cuts = _AllCuts()
        fresh = [
            _energy(one)
            for one in harness.rendered(_Subsampled(source), words, gradient, cuts=cuts)
        ]
    for dreamt in harness.rendered(source, words, gradient):
        if dreamt.canvas.positions is None:
            shots.append(Shot())
        measures_gain = dreamt.frame.index % GAIN_EVERY == 0
        shots[-1].add(dreamt, _gain(dreamt, gradient) if measures_gain else None)
        if dreamt.frame.index % FRESH_EVERY == 0 and fresh:
            shots[-1].fresh.append(fresh[dreamt.frame.index // FRESH_EVERY])
    return shots


def _gain(dreamt: RenderedFrame, gradient: Gradient) -> float:
    assert dreamt.canvas.picture is not None
    return harness.gain(gradient, dreamt.dream.image, dreamt.canvas.picture)


def _band_statistics(label: str, shot: Shot) -> dict[str, dict[str, float]]:
    """Print and return the statistics of each band of a shot."""
    ratios, rows = shot.ratios(), {}
    fresh = np.array(shot.fresh) / shot.energies[0] if shot.fresh else None
    for band, series in zip(BANDS, ratios.T, strict=True):
        mean = float(series.mean())
        rise = float(np.polyfit(np.arange(len(series)), series, 1)[0])
        rows[band] = row = {
            "low": float(series.min()),
            "high": float(series.max()),
            "mean": mean,
            "off_mean": float(np.abs(series / mean - 1).max()),
            "trend": rise * (len(series) - 1) / mean,
            **{
                str(frame): float(series[frame - SETTLED])
                for frame in (20, 72, 149)
                if frame - SETTLED < len(series)
            },
            "last": float(series[-1]),
        }
        if fresh is not None:
            of_band = fresh[:, BANDS.index(band)]
            row |= {"fresh_low": float(of_band.min()), "fresh_high": float(of_band.max())}
        at = " ".join(f"{row.get(str(frame), float('nan')):4.2f}" for frame in (20, 72, 149))
        print(
            f"{label if band == BANDS[0] else '':34s} {band:7s}     {at}  {row['last']:4.2f}   "
            f"{row['low']:4.2f}  {row['high']:4.2f}    {row['off_mean']:.3f}  {row['trend']:+.3f}"
            + (f"  {statistics.fmean(shot.gains):.2f}" if band == BANDS[0] else " " * 6)
            + ("" if fresh is None else f"  {row['fresh_low']:.2f} .. {row['fresh_high']:.2f}"),
            flush=True,
        )
    return rows


def _add_checks(
    met: dict[str, bool], label: str, shot: Shot, rows: dict[str, dict[str, float]]
) -> None:
    """Add the requirements on a shot to `met`."""
    for band, row in rows.items():
        off = max(row["off_mean"], 1 - row["low"], row["high"] - 1)
        met[f"{label}: {band} within +-{LEVEL:.0%} ({off:.3f})"] = off <= LEVEL
        met[f"{label}: {band} has no trend ({row['trend']:+.3f})"] = abs(row["trend"]) <= TREND
    third = max(1, len(shot.clipped) // 3)
    grown = statistics.fmean(shot.clipped[-third:]) - statistics.fmean(shot.clipped[:third])
    met[f"{label}: clipped share does not grow ({grown:+.4f})"] = grown <= 0.005


def _sheet(path: Path, shot: Shot) -> None:
    """Write the kept frames, one below the other."""
    cv2.imwrite(str(path), cv2.cvtColor(np.vstack(list(shot.pictures.values())), cv2.COLOR_RGB2BGR))
