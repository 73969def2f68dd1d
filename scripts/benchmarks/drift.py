"""Whether a shot stays as it began: the energy of its dream layer in three bands, at each frame."""

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
"""Frames after the first one of a shot before its energy must be level."""
SHORTEST = 20
"""Frames of a shot that is looked at."""
LEVEL = 0.15
"""Share by which a band's energy may differ from its mean, and from the first frame's."""
TREND = 0.1
"""Share by which a line through a band's energy may rise or fall from one end to the other."""
GAIN_EVERY = 10
FRESH_EVERY = 10
"""Frames of a clip that are also dreamt afresh, to compare with."""
SHOWN = (0, 50, 100, 149, 299)
"""Frames of the contact sheets."""
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
    """Figures of the frames of one shot.

    energies: (3,) each, of the bands. clipped: share of the values at black or white, beyond the
    picture's own. gains: of every GAIN_EVERYth frame. fresh: energies by frame of dreams that carry
    nothing, each as the first frame of a shot would be; empty where the content stays the same.
    """

    energies: list[npt.NDArray[np.float64]] = field(default_factory=list)
    clipped: list[float] = field(default_factory=list)
    gains: list[float] = field(default_factory=list)
    fresh: list[npt.NDArray[np.float64]] = field(default_factory=list)
    pictures: dict[int, Picture] = field(default_factory=dict)

    def ratios(self) -> npt.NDArray[np.float64]:
        """Return (frames after SETTLED, 3): the energy over the first frame's."""
        energies: npt.NDArray[np.float64] = np.array(self.energies)
        return np.asarray(energies[SETTLED:] / energies[0])

    def add(self, dreamt: RenderedFrame, gain: float | None) -> None:
        """Take in the next frame."""
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
    """Print a row for each band of each shot; the figures, and which demands they meet.

    clip: a real one, or a folder of them. names: of the renders to make, none = all.
    """
    torch.set_num_threads(2)
    figures: dict[str, object] = {}
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
            rows = _judged(label, shot)
            figures[label] = rows | {
                "gain": statistics.fmean(shot.gains),
                "clipped": [shot.clipped[0], shot.clipped[-1]],
            }
            _demand(met, label, shot, rows)
            if shot.pictures:
                _sheet(out / f"drift-{label.replace(' ', '-').replace(',', '')}.png", shot)
    return figures, met


def _renders(clip: Path | None, names: Sequence[str]) -> Iterable[tuple[str, list[Shot]]]:
    """Yield the name and the shots of each render."""
    for name, motion in MOTIONS.items():
        if not names or name in names:
            yield name, _measured(motion(FRAMES), [])
    for look in LOOKS:
        if not names or look in names:
            footage = MOTIONS[LOOKS_MOTION](FRAMES)
            yield f"{look}, {LOOKS_MOTION}", _measured(footage, [f"look={look}"])
    clips = [] if clip is None else sorted(clip.iterdir()) if clip.is_dir() else [clip]
    for path in clips:
        if not names or path.stem in names:
            words = [f"input={path}", f"width={CLIP_WIDTH}"]
            source = harness.stage("source", words)
            yield path.stem, _measured(source, words, afresh=True)


class _Few:
    """Every FRESH_EVERYth picture of a source."""

    def __init__(self, source: Source) -> None:
        self._source, self.clip = source, source.clip

    def pictures(self, start: int = 0) -> Iterator[Picture | None]:
        """Return the pictures from that one on."""
        return islice(self._source.pictures(), start * FRESH_EVERY, None, FRESH_EVERY)


class _AllCuts:
    """Cuts by which each picture begins a shot."""

    def __call__(
        self, pictures: Iterable[Picture | None]
    ) -> Iterator[tuple[Picture | None, Change]]:
        return ((picture, Change.CUT) for picture in pictures)


def _energy(dreamt: RenderedFrame) -> npt.NDArray[np.float64]:
    """Return the energy of the dream layer by band, (3,)."""
    picture = dreamt.canvas.picture
    assert picture is not None
    energy = band_energy(dreamt.dream.image - picture, torch.ones_like(picture[:, :1]))
    return np.asarray(energy.double().cpu().numpy())


def _measured(source: Source, words: Sequence[str], *, afresh: bool = False) -> list[Shot]:
    """Return the shots of this footage, dreamt with these settings.

    afresh: whether some frames are also dreamt without what is carried.
    """
    gradient = harness.gradient(words)
    shots: list[Shot] = []
    fresh: list[npt.NDArray[np.float64]] = []
    if afresh:
        cuts = _AllCuts()
        fresh = [_energy(one) for one in harness.rendered(_Few(source), words, gradient, cuts=cuts)]
    for dreamt in harness.rendered(source, words, gradient):
        if dreamt.canvas.positions is None:
            shots.append(Shot())
        asked = dreamt.frame.index % GAIN_EVERY == 0
        shots[-1].add(dreamt, _gain(dreamt, gradient) if asked else None)
        if dreamt.frame.index % FRESH_EVERY == 0 and fresh:
            shots[-1].fresh.append(fresh[dreamt.frame.index // FRESH_EVERY])
    return shots


def _gain(dreamt: RenderedFrame, gradient: Gradient) -> float:
    assert dreamt.canvas.picture is not None
    return float(gradient.score(dreamt.dream.image) / gradient.score(dreamt.canvas.picture))


def _judged(label: str, shot: Shot) -> dict[str, dict[str, float]]:
    """Return the figures of each band of a shot, and print them."""
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


def _demand(
    met: dict[str, bool], label: str, shot: Shot, rows: dict[str, dict[str, float]]
) -> None:
    """Add the demands on a shot."""
    for band, row in rows.items():
        off = max(row["off_mean"], 1 - row["low"], row["high"] - 1)
        met[f"{label}: {band} within +-{LEVEL:.0%} ({off:.3f})"] = off <= LEVEL
        met[f"{label}: {band} has no trend ({row['trend']:+.3f})"] = abs(row["trend"]) <= TREND
    third = max(1, len(shot.clipped) // 3)
    grown = statistics.fmean(shot.clipped[-third:]) - statistics.fmean(shot.clipped[:third])
    met[f"{label}: clipped share does not grow ({grown:+.4f})"] = grown <= 0.005


def _sheet(path: Path, shot: Shot) -> None:
    """Write the frames that were kept, one below the other."""
    cv2.imwrite(str(path), cv2.cvtColor(np.vstack(list(shot.pictures.values())), cv2.COLOR_RGB2BGR))
