"""Flicker and gain of dreamreel and of common methods, measured on exactly known motion."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor

from benchmarks import baselines, harness, scenes
from benchmarks.tables.coherence import row
from pipeline.frame import Image, Picture, to_image, to_picture
from pipeline.gradient import Gradient
from pipeline.imaging.metrics import flicker
from pipeline.imaging.sampling import sample

FRAMES = 100
SETTLED = 10
"""Frames after which the gain must be steady."""
HALF_A_SECOND = scenes.RATE // 2
Method = Callable[["scenes.Scene", Gradient], baselines.Dreams]


@dataclass
class Measured:
    """Measurements of one method, frame by frame."""

    flickers: list[float] = field(default_factory=list)
    gains: list[float] = field(default_factory=list)
    steps: list[float] = field(default_factory=list)
    pictures: dict[int, Picture] = field(default_factory=dict)
    entering: dict[str, float] = field(default_factory=dict)

    @property
    def figures(self) -> dict[str, float]:
        """The means over the frames; steps without those of the first one."""
        return {
            "flicker": statistics.fmean(self.flickers),
            "gain": statistics.fmean(self.gains),
            "steps": statistics.fmean(self.steps[1:]),
        }


def run(out: Path, clip: Path | None) -> tuple[dict[str, object], dict[str, bool]]:
    """Measure all methods. Return the results, and requirement -> whether it is met."""
    torch.set_num_threads(2)
    gradient_fn = harness.gradient()
    footage = scenes.moving(FRAMES)
    methods: dict[str, Method] = {
        "each frame alone, 4 x 10, step .03": lambda s, g: baselines.alone(s.shots, g),
        "blend .85, 4 x 10": lambda s, g: baselines.blended(s.shots, g, 0.85),
        "blend .5, 4 x 10": lambda s, g: baselines.blended(s.shots, g, 0.5),
        "flow-warped blend, photometric mask, 4 x 5": lambda s, g: baselines.warped_blend(
            s.shots, g
        ),
        "dreamreel, defaults": ours,
    }
    found = {}
    for name, method in methods.items():
        found[name] = measured = measure(footage, gradient_fn, method(footage, gradient_fn))
        print(*row(name, measured.figures), sep="  ", flush=True)
        _sheet(out / f"coherence-{len(found)}.png", measured)
    reference, mine = found[next(iter(found))], found[next(reversed(found))]
    results, checks = _check(mine, reference)
    extra, extra_checks = _still_and_cut(gradient_fn)
    table = {name: measured.figures for name, measured in found.items()}
    return {"table": table, **results, **extra}, checks | extra_checks


def measure(footage: scenes.Scene, gradient_fn: Gradient, dreams: baselines.Dreams) -> Measured:
    """Return the measurements of a method's dreams, made with the exact flow."""
    measured = Measured()
    ages = scenes.ages(footage.flows)
    energy = {name: [0.0, 0.0] for name in ("entered", "settled")}
    layer: Tensor | None = None
    for index, (dream, steps) in enumerate(dreams):
        picture = to_image(footage.shots[index], harness.CPU)
        measured.steps.append(steps)
        measured.gains.append(harness.gain(gradient_fn, dream, picture))
        flow = footage.flows[index]
        if flow is not None and layer is not None:
            moved = sample(layer, scenes.positions(flow))
            seen = torch.from_numpy((ages[index] > 0).astype(np.float32))[None, None]
            measured.flickers.append(float(flicker(dream - picture, moved, seen)))
        layer = dream - picture
        if index >= HALF_A_SECOND and index % 4 == 0:
            _add_energy(energy, gradient_fn, (dream, picture), ages[index])
        if index % 15 == 0 or index == len(footage.shots) - 1:
            measured.pictures[index] = to_picture(dream)
    measured.entering = {n: d / p for n, (d, p) in energy.items() if p}
    return measured


def _add_energy(
    energy: dict[str, list[float]],
    gradient_fn: Gradient,
    pair: tuple[Image, Image],
    age: np.ndarray,
) -> None:
    """Add the squared activations of dream and picture to `energy`.

    "entered": where content entered the frame half a second to a second ago; "settled": where it
    has been visible for longer. age: (H, W), frames since each pixel came into view.
    """
    for place, image in enumerate(pair):
        (layer,) = gradient_fn.objective.layers
        with torch.no_grad():
            squares = gradient_fn.model(image, [layer])[layer].square().mean(dim=1)[0]
        small = cv2.resize(age, squares.shape[::-1], interpolation=cv2.INTER_AREA)
        where = torch.from_numpy(np.asarray(small))
        recent = (where >= HALF_A_SECOND) & (where < 2 * HALF_A_SECOND)
        energy["entered"][place] += float(squares[recent].sum())
        energy["settled"][place] += float(squares[where >= 2 * HALF_A_SECOND].sum())


def ours(footage: scenes.Scene, gradient_fn: Gradient) -> baselines.Dreams:
    """Dream with the default settings."""
    return dreamt_with(footage, gradient_fn, [])


def dreamt_with(
    footage: scenes.Scene, gradient_fn: Gradient, words: Sequence[str]
) -> baselines.Dreams:
    """Dream with these settings."""
    for dreamt in harness.rendered(footage, words, gradient_fn):
        yield dreamt.dream.image, dreamt.dream.steps


def _check(mine: Measured, alone_: Measured) -> tuple[dict[str, object], dict[str, bool]]:
    """Return the results of dreamreel, and requirement -> whether it is met."""
    shake, gain, steps = mine.figures.values()
    reference = alone_.figures["gain"]
    ratio = np.array(mine.gains[SETTLED:]) / np.array(alone_.gains[SETTLED:])
    swing = ratio / ratio.mean() - 1
    entered = mine.entering["entered"] / mine.entering["settled"]
    usual = alone_.entering["entered"] / alone_.entering["settled"]
    results: dict[str, object] = {
        "gain over each-frame-alone's, frames 10..99": f"mean {ratio.mean():.3f}, "
        f"{swing.min():+.3f} {swing.max():+.3f}",
        "gain where content entered 0.5..1 s ago over gain elsewhere": f"{entered:.3f} "
        f"(each frame alone: {usual:.3f})",
    }
    checks = {
        f"flicker {shake:.4f} <= 0.008": shake <= 0.008,
        f"gain {gain:.2f} above each-frame-alone's {reference:.2f}": gain > reference,
        f"steps {steps:.2f} <= 5": steps <= 5,
        "gain ratio within +-10 % of its mean": bool(np.abs(swing).max() <= 0.1),
        "what entered is at least 0.8 as strong as the rest": entered >= 0.8,
    }
    return results, checks


def _still_and_cut(gradient_fn: Gradient) -> tuple[dict[str, object], dict[str, bool]]:
    """Measure a still scene, and a cut, after which nothing of the old shot may remain."""
    still_scene = measure(scenes.still(40), gradient_fn, ours(scenes.still(40), gradient_fn))
    still_flicker = statistics.fmean(still_scene.flickers[SETTLED:])
    other = scenes.moving(12, "coffee.png")
    both = scenes.joined(scenes.moving(12), other)
    after_cut = list(harness.rendered(both, [], gradient_fn))[12:]
    new_start = list(harness.rendered(other, [], gradient_fn))
    ghost = float((after_cut[0].dream.image - new_start[0].dream.image).abs().max())
    results: dict[str, object] = {
        "flicker of a still scene after frame 10": f"{still_flicker:.5f}",
        "first frame after a cut against a fresh start, largest difference": ghost,
    }
    checks = {
        f"still scene's flicker {still_flicker:.5f} < 0.002": still_flicker < 0.002,
        "the cut was found": after_cut[0].frame.cut,
        "no ghost after a cut": ghost == 0.0,
    }
    return results, checks


def _sheet(path: Path, measured: Measured) -> None:
    """Write a contact sheet of the dreams."""
    pictures = list(measured.pictures.values())
    rows = [np.hstack(pictures[i : i + 2]) for i in range(0, len(pictures) // 2 * 2, 2)]
    cv2.imwrite(str(path), cv2.cvtColor(np.vstack(rows), cv2.COLOR_RGB2BGR))
