"""Which parts of a dream are kept or removed: content that reappears, dissolves, fades and bars.

Photographs, so that the layer of a place can be compared before and after. Each case is measured
with the defaults, and with anchors, transitions and bars turned off.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from benchmarks import harness, scenes
from benchmarks.tables.memory import CARRIED, FOLLOWED
from pipeline.bars import Bars
from pipeline.frame import Picture, to_picture
from pipeline.gradient import Gradient

WAYS: Mapping[str, tuple[str, ...]] = {
    FOLLOWED: (),
    CARRIED: ("anchors=none", "warp.transitions=false", "bars=keep"),
}
"""Name -> settings."""
DISSOLVES = (8, 24, 48)
"""Lengths of dissolves in frames."""
BEFORE, AFTER = 12, 13
"""Frames before a dissolve, and after it; the last one is measured."""
FADE, BLACK = 24, 6
"""Frames of a fade and of the black between two fades."""
BARS = Bars(top=28, bottom=28)
HIDDEN = (5, 15, 30, 60)
"""Numbers of frames for which an object that crosses the picture hides each place."""
LEAD, REST = 24, 40
"""Frames before the first place reappears, and after the last measured place was hidden."""


@dataclass(frozen=True)
class Shown:
    """A dreamt frame."""

    layer: Tensor
    """Shown picture minus source, (1, 3, H, W)."""
    picture: Picture
    """The shown picture, (H, W, 3)."""
    gain: float
    steps: float


def run(out: Path, clip: Path | None) -> tuple[dict[str, object], dict[str, bool]]:
    """Return the results, and requirement -> whether it is met. clip: not used."""
    gradient_fn = harness.gradient()
    one, other = (_photograph(name) for name in ("astronaut.png", "coffee.png"))
    reappeared = {
        f"{frames} frames": {way: _reappeared(gradient_fn, frames, w) for way, w in WAYS.items()}
        for frames in HIDDEN
    }
    fresh = _dreamt(gradient_fn, [other] * (AFTER + BEFORE), ())[-1]
    dissolves = {
        f"{frames} frames": {
            way: _dissolve(gradient_fn, one, other, frames, words, fresh, out / f"memory-{frames}")
            for way, words in WAYS.items()
        }
        for frames in DISSOLVES
    }
    fades = {
        f"fade to {name}": {
            way: _fade(gradient_fn, one, other, level, w) for way, w in WAYS.items()
        }
        for name, level in (("black", 0), ("white", 255))
    }
    bars = {way: _bars(gradient_fn, one, words) for way, words in WAYS.items()}
    results: dict[str, object] = {
        "reappeared": reappeared,
        "dissolves": dissolves,
        "fades": fades,
        "bars": bars,
    }
    checks: dict[str, bool] = {}
    for name, ways in reappeared.items():
        found, least = ways[FOLLOWED], 0.7 if name == "60 frames" else 0.8
        same, energy = found["correlation"], found["energy"]
        checks |= {
            f"hidden for {name}: correlation of the layer {same:.2f} >= {least}": same >= least,
            f"hidden for {name}: energy of the layer {energy:.2f} >= 0.9": energy >= 0.9,
        }
    for name, ways in dissolves.items():
        found = ways[FOLLOWED]
        same = found["correlation"]
        checks |= {
            f"dissolve of {name}: correlation with the old dream {same:.2f} <= 0.15": same <= 0.15,
            f"dissolve of {name}: gain over a fresh start's {found['gain']:.2f} >= 0.9": (
                found["gain"] >= 0.9
            ),
        }
    for name, ways in fades.items():
        found = ways[FOLLOWED]
        checks |= {
            f"{name}: blank frames are the source": found["on blank"] == 0,
            f"{name}: no steps on them": found["blank steps"] == 0,
            f"{name}: largest change of the layer per frame {found['jump']:.2f} <= 0.2": (
                found["jump"] <= 0.2
            ),
        }
    return results, checks | {"bars are the source": bars[FOLLOWED]["in bars"] == 0}


def _photograph(name: str) -> Picture:
    size = scenes.WIDTH, scenes.HEIGHT
    return np.asarray(
        cv2.resize(scenes.photograph(name), size, interpolation=cv2.INTER_AREA), np.uint8
    )


def _reappeared(gradient_fn: Gradient, hidden: int, words: Sequence[str]) -> dict[str, float]:
    """Measure the layer two frames after places reappear, compared with that before.

    An opaque strip of another photograph crosses a photograph and hides each place for so many
    frames.
    """
    ground, strip = _photograph("motorcycle_left.png"), _photograph("astronaut.png")
    speed = 6 if hidden < 30 else 3
    width = hidden * speed
    object_ = np.asarray(cv2.resize(strip, (width, scenes.HEIGHT)), np.uint8)
    pictures, covered = [], []
    for index in range(LEAD + hidden + REST):
        left = (index - LEAD) * speed - width + 100
        shown = slice(max(0, left), max(0, min(scenes.WIDTH, left + width)))
        picture, columns = ground.copy(), np.zeros(scenes.WIDTH, bool)
        picture[:, shown] = object_[:, shown.start - left : shown.stop - left]
        columns[shown] = True
        pictures.append(picture)
        covered.append(columns)
    layers = [frame.layer for frame in _dreamt(gradient_fn, pictures, words)]
    before, after = [], []
    for index in range(10, len(layers)):
        back = covered[index - 3] & ~covered[index - 2]
        for column in np.flatnonzero(back):
            start = next((t for t in range(len(covered)) if covered[t][column]), 0)
            if start >= 4:  # two frames before it was hidden
                before.append(layers[start - 2][..., column])
                after.append(layers[index][..., column])
    one, other = torch.stack(before), torch.stack(after)
    return {
        "correlation": float(F.cosine_similarity(one.flatten(), other.flatten(), dim=0)),
        "energy": float(other.square().mean() / one.square().mean()),
    }


def _mixed(one: Picture, other: Picture, share: float) -> Picture:
    """Return a picture that has this share of the other one."""
    return np.asarray(np.rint((1 - share) * one.astype(np.float32) + share * other), np.uint8)


def _dreamt(
    gradient_fn: Gradient, pictures: Sequence[Picture], words: Sequence[str]
) -> list[Shown]:
    """Return every frame of a render of these pictures."""
    shown = []
    scene = scenes.Scene(tuple(pictures), (None,) * len(pictures))
    for dreamt in harness.rendered(scene, words, gradient_fn):
        assert dreamt.canvas.picture is not None
        score, source = gradient_fn.score, dreamt.canvas.picture
        shown.append(
            Shown(
                dreamt.image - source,
                to_picture(dreamt.image),
                float(score(dreamt.image) / score(source)),
                dreamt.dream.steps,
            )
        )
    return shown


def _dissolve(
    gradient_fn: Gradient,
    one: Picture,
    other: Picture,
    frames: int,
    words: Sequence[str],
    fresh: Shown,
    sheet: Path,
) -> dict[str, float]:
    """Measure a dissolve of so many frames, 12 frames after its end, and draw a sheet of it."""
    between = [_mixed(one, other, (k + 1) / frames) for k in range(frames)]
    shown = _dreamt(gradient_fn, [one] * BEFORE + between + [other] * AFTER, words)
    ends = BEFORE - 1 + np.array([0, frames // 2, frames, frames + AFTER])
    name = f"{sheet.name}-{'carried' if words else 'followed'}.png"
    sheet_picture = np.hstack([shown[end].picture for end in ends])
    cv2.imwrite(str(sheet.with_name(name)), cv2.cvtColor(sheet_picture, cv2.COLOR_RGB2BGR))
    old = shown[BEFORE - 1].layer
    return {
        "correlation": float(F.cosine_similarity(old.flatten(), shown[-1].layer.flatten(), dim=0)),
        "gain": shown[-1].gain / fresh.gain,
        "strength": float(shown[-1].layer.std() / fresh.layer.std()),
    }


def _fade(
    gradient_fn: Gradient, one: Picture, other: Picture, level: int, words: Sequence[str]
) -> dict[str, float]:
    """Measure a fade to a plain picture of this level, and from it to another picture."""
    plain = np.full_like(one, level)
    leaving = [_mixed(one, plain, (k + 1) / FADE) for k in range(FADE)]
    coming = [_mixed(plain, other, (k + 1) / FADE) for k in range(FADE)]
    pictures = [one] * BEFORE + leaving + [plain] * BLACK + coming + [other] * AFTER
    shown = _dreamt(gradient_fn, pictures, words)
    blank = shown[BEFORE + FADE - 1 :][: BLACK + 1]
    strengths = np.array([float(frame.layer.std()) for frame in shown])
    return {
        "on blank": 255 * max(float(frame.layer.abs().max()) for frame in blank),
        "blank steps": sum(frame.steps for frame in blank),
        "jump": float(np.abs(np.diff(strengths)).max() / strengths.max()),
    }


def _bars(gradient_fn: Gradient, one: Picture, words: Sequence[str]) -> dict[str, float]:
    """Measure a letterboxed photograph."""
    height = scenes.HEIGHT - BARS.top - BARS.bottom
    pictures = []
    for shift in range(8):
        picture = np.zeros_like(one)
        picture[BARS.top : -BARS.bottom] = one[shift : shift + height]
        pictures.append(picture)
    layers = [frame.layer.abs() for frame in _dreamt(gradient_fn, pictures, words)]
    inside = slice(BARS.top, scenes.HEIGHT - BARS.bottom)
    within = [
        float(layer[:, :, rows].max())
        for layer in layers
        for rows in (slice(0, BARS.top), slice(scenes.HEIGHT - BARS.bottom, None))
    ]
    return {
        "in bars": 255 * max(within),
        "between them": 255 * float(layers[-1][:, :, inside].square().mean().sqrt()),
    }
