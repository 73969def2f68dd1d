"""Which parts of a dream are kept or removed: what reappears or enters, dissolves, fades and bars.

Photographs, so that the layer of a place can be compared before and after. Each case is measured
with the defaults, with anchors, transitions and bars turned off, and where it applies with two
passes and with the common methods.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TypeAlias

import cv2
import numpy as np
import torch.nn.functional as F

from benchmarks import baselines, harness, reappearing, scenes, traffic
from benchmarks.reappearing import Shown, Way
from benchmarks.tables.memory import ALONE, CARRIED, FOLLOWED, TWO_PASSES
from pipeline.bars import Bars
from pipeline.frame import Image, Picture, to_image, to_picture
from pipeline.gradient import Gradient

Figures: TypeAlias = Mapping[str, Mapping[str, float]]
"""Way -> its figures."""
WORDS: Mapping[str, tuple[str, ...]] = {
    FOLLOWED: (),
    TWO_PASSES: ("passes=2",),
    CARRIED: ("anchors=none", "warp.transitions=false", "bars=keep"),
}
"""Name -> settings."""
METHODS: Mapping[str, Callable[..., baselines.Dreams]] = {
    ALONE: baselines.alone,
    "blend .85, 4 x 10": partial(baselines.blended, share=0.85),
    "blend .5, 4 x 10": partial(baselines.blended, share=0.5),
    "flow-warped blend, 4 x 5": baselines.warped_blend,
}
DISSOLVES = (8, 24, 48)
"""Lengths of dissolves in frames."""
BEFORE, AFTER = 12, 13
"""Frames before a dissolve, and after it; the last one is measured."""
FADE, BLACK = 24, 6
"""Frames of a fade and of the black between two fades."""
BARS = Bars(top=28, bottom=28)
HIDDEN = (5, 15, 30, 60)
"""Numbers of frames for which an object that crosses the picture hides each place."""
COMPARED = 15
"""That at which the common methods are measured too, as they take long."""


def run(out: Path, clip: Path | None) -> tuple[dict[str, object], dict[str, bool]]:
    """Return the results, and requirement -> whether it is met. clip: a clip or folder of clips."""
    gradient_fn = harness.gradient()
    ways = {name: _ours(gradient_fn, words) for name, words in WORDS.items()}
    common = {name: _theirs(gradient_fn, method) for name, method in METHODS.items()}
    reappeared = {
        f"hidden for {frames} frames": _each(
            ways | common if frames == COMPARED else ways,
            partial(reappearing.hidden, frames=frames),
        )
        for frames in HIDDEN
    }
    reappeared["outside of the frame"] = _each(ways, reappearing.returning)
    entering = _each(
        {**ways, ALONE: common[ALONE]}, partial(reappearing.entering, gradient_fn=gradient_fn)
    )
    one, other = (reappearing.photograph(name) for name in ("astronaut.png", "coffee.png"))
    fresh = ways[FOLLOWED]([other] * (AFTER + 1))[-1]  # as after a cut at the end of the dissolve
    dissolves = {
        f"{frames} frames": {
            name: _dissolve(way, one, other, frames, fresh, out / f"memory-{frames}-{n}.png")
            for n, (name, way) in enumerate(ways.items())
        }
        for frames in DISSOLVES
    }
    fades = {
        f"fade to {colour}": _each(ways, partial(_fade, one=one, other=other, level=level))
        for colour, level in (("black", 0), ("white", 255))
    }
    bars = _each(ways, partial(_bars, one=one))
    passing = _traffic(clip, gradient_fn)
    results: dict[str, object] = {
        "reappeared": reappeared,
        "entering": entering,
        "dissolves": dissolves,
        "fades": fades,
        "bars": bars,
        "traffic": passing,
    }
    return results, {
        **_memory_checks(reappeared, entering),
        **_transition_checks(dissolves, fades),
        "bars are the source": bars[FOLLOWED]["in bars"] == 0,
        **{
            f"{shot}: gain of the last quarter over the first {found[FOLLOWED]:.2f} >= 0.97": (
                found[FOLLOWED] >= 0.97
            )
            for shot, found in passing.items()
        },
    }


def _traffic(clip: Path | None, gradient_fn: Gradient) -> Figures:
    """Return shot -> way -> the gain of its last quarter over the first one."""
    found: dict[str, dict[str, float]] = {}
    for path in harness.clips(clip):
        for name, words in WORDS.items():
            for shot, ratio in traffic.shots(path, words, gradient_fn).items():
                found.setdefault(shot, {})[name] = ratio
                print(shot, name, round(ratio, 3), flush=True)
    return found


def _each(ways: Mapping[str, Way], measure: Callable[[Way], dict[str, float]]) -> Figures:
    """Measure each way, and print its figures."""
    found = {}
    for name, way in ways.items():
        found[name] = measure(way)
        print(name, {key: round(value, 3) for key, value in found[name].items()}, flush=True)
    return found


def _memory_checks(reappeared: Mapping[str, Figures], entering: Figures) -> dict[str, bool]:
    """Return requirement -> whether it is met, of what reappears and what enters."""
    checks: dict[str, bool] = {}
    for name, ways in reappeared.items():
        found, least = ways[FOLLOWED], 0.7 if "60" in name or "outside" in name else 0.8
        same, energy = found["correlation"], found["energy"]
        checks |= {
            f"{name}: correlation of the layer {same:.2f} >= {least}": same >= least,
            f"{name}: energy of the layer {energy:.2f} >= 0.9": energy >= 0.9,
        }
    for name in (FOLLOWED, TWO_PASSES):
        gain, jump = entering[name]["gain"], entering[name]["jump"]
        checks |= {
            f"{name}: entered 8 frames ago, gain over the rest's {gain:.2f} >= 0.95": gain >= 0.95,
            f"{name}: largest growth of that gain per frame {jump:.2f} <= 1.3": jump <= 1.3,
        }
    return checks


def _transition_checks(
    dissolves: Mapping[str, Figures], fades: Mapping[str, Figures]
) -> dict[str, bool]:
    """Return requirement -> whether it is met, of dissolves and fades."""
    checks: dict[str, bool] = {}
    for name, ways in dissolves.items():
        same, gain = ways[FOLLOWED]["correlation"], ways[FOLLOWED]["gain"]
        checks |= {
            f"dissolve of {name}: correlation with the old dream {same:.2f} <= 0.15": same <= 0.15,
            f"dissolve of {name}: gain over that after a cut {gain:.2f} >= 0.9": gain >= 0.9,
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
    return checks


def _mixed(one: Picture, other: Picture, share: float) -> Picture:
    """Return a picture that has this share of the other one."""
    return np.asarray(np.rint((1 - share) * one.astype(np.float32) + share * other), np.uint8)


def _ours(gradient_fn: Gradient, words: Sequence[str]) -> Way:
    """Return the way of dreamreel with these settings."""

    def dream(pictures: Sequence[Picture]) -> list[Shown]:
        shown = []
        scene = scenes.Scene(tuple(pictures), (None,) * len(pictures))
        for dreamt in harness.rendered(scene, words, gradient_fn):
            source = dreamt.canvas.picture
            assert source is not None
            shown.append(_shown(gradient_fn, dreamt.image, source, dreamt.dream.steps))
        return shown

    return dream


def _theirs(gradient_fn: Gradient, method: Callable[..., baselines.Dreams]) -> Way:
    """Return the way of a common method."""

    def dream(pictures: Sequence[Picture]) -> list[Shown]:
        return [
            _shown(gradient_fn, image, to_image(picture, harness.device), steps)
            for picture, (image, steps) in zip(pictures, method(pictures, gradient_fn), strict=True)
        ]

    return dream


def _shown(gradient_fn: Gradient, image: Image, source: Image, steps: float) -> Shown:
    gain = harness.gain(gradient_fn, image, source)
    return Shown(image - source, to_picture(image), gain, steps)


def _dissolve(
    way: Way, one: Picture, other: Picture, frames: int, fresh: Shown, sheet: Path
) -> dict[str, float]:
    """Measure a dissolve of so many frames, 12 frames after its end, and draw a sheet of it."""
    between = [_mixed(one, other, (k + 1) / frames) for k in range(frames)]
    shown = way([one] * BEFORE + between + [other] * AFTER)
    ends = BEFORE - 1 + np.array([0, frames // 2, frames, frames + AFTER])
    sheet_picture = np.hstack([shown[end].picture for end in ends])
    cv2.imwrite(str(sheet), cv2.cvtColor(sheet_picture, cv2.COLOR_RGB2BGR))
    old = shown[BEFORE - 1].layer
    return {
        "correlation": float(F.cosine_similarity(old.flatten(), shown[-1].layer.flatten(), dim=0)),
        "gain": shown[-1].gain / fresh.gain,
        "strength": float(shown[-1].layer.std() / fresh.layer.std()),
    }


def _fade(way: Way, one: Picture, other: Picture, level: int) -> dict[str, float]:
    """Measure a fade to a plain picture of this level, and from it to another picture."""
    plain = np.full_like(one, level)
    leaving = [_mixed(one, plain, (k + 1) / FADE) for k in range(FADE)]
    coming = [_mixed(plain, other, (k + 1) / FADE) for k in range(FADE)]
    pictures = [one] * BEFORE + leaving + [plain] * BLACK + coming + [other] * AFTER
    shown = way(pictures)
    blank = shown[BEFORE + FADE - 1 :][: BLACK + 1]
    strengths = np.array([float(frame.layer.std()) for frame in shown])
    return {
        "on blank": 255 * max(float(frame.layer.abs().max()) for frame in blank),
        "blank steps": sum(frame.steps for frame in blank),
        "jump": float(np.abs(np.diff(strengths)).max() / strengths.max()),
    }


def _bars(way: Way, one: Picture) -> dict[str, float]:
    """Measure a letterboxed photograph."""
    height = scenes.HEIGHT - BARS.top - BARS.bottom
    pictures = []
    for shift in range(8):
        picture = np.zeros_like(one)
        picture[BARS.top : -BARS.bottom] = one[shift : shift + height]
        pictures.append(picture)
    layers = [frame.layer.abs() for frame in way(pictures)]
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
