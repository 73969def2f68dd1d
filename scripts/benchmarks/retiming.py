"""Frames in between: their likeness to true ones, and the flicker of a dream over them."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import torch

from benchmarks import coherence, harness, scenes
from pipeline.config.compose import compose_stage
from pipeline.flow import Flow
from pipeline.frame import Picture
from pipeline.imaging.interpolation import Flows, interpolate

FRAMES = 61
"""Number of frames at the higher rate; every second one is the input."""
Between: TypeAlias = Callable[[Picture, Picture], Picture]
"""Two neighbouring frames -> the frame in between."""


def run(out: Path, clip: Path | None) -> tuple[dict[str, object], dict[str, bool]]:
    """Measure each way. Return the results, and requirement -> whether it is met."""
    torch.set_num_threads(2)
    gradient_fn = harness.gradient()
    flow: Flow = compose_stage("flow")
    true = scenes.moving(FRAMES)
    ways: dict[str, Between | None] = {
        "every frame filmed": None,
        "interpolated along the flow": lambda one, other: _interpolated(one, other, flow),
        "blended": _blended,
    }
    table: dict[str, dict[str, float | None]] = {}
    for name, between in ways.items():
        footage = true if between is None else _converted(true, between)
        dreams = coherence.ours(footage, gradient_fn)
        figures = coherence.measure(footage, gradient_fn, dreams).figures
        table[name] = {"psnr": None if between is None else _likeness(footage, true), **figures}
        print(name, table[name], flush=True)
    found: Any = table
    flowed, blended = found["interpolated along the flow"], found["blended"]
    checks = {
        f"{flowed['psnr']:.1f} dB, blending {blended['psnr']:.1f}": flowed["psnr"]
        > blended["psnr"],
        f"flicker {flowed['flicker']:.4f}, blending {blended['flicker']:.4f}": flowed["flicker"]
        < blended["flicker"],
    }
    return {"table": table}, checks


def _converted(true: scenes.Scene, between: Between) -> scenes.Scene:
    """Return the scene with frames made from their neighbours in place of every second one."""
    shots = list(true.shots)
    for index in range(1, len(shots) - 1, 2):
        shots[index] = between(shots[index - 1], shots[index + 1])
    return scenes.Scene(tuple(shots), true.flows)


def _interpolated(one: Picture, other: Picture, flow: Flow) -> Picture:
    back, onward = flow(other, one), flow(one, other)
    assert back is not None
    assert onward is not None
    return interpolate(one, other, Flows.of(onward.flow, back.flow), 0.5)


def _blended(one: Picture, other: Picture) -> Picture:
    mean = (one.astype(np.float32) + other.astype(np.float32)) / 2
    return np.asarray(np.rint(mean), np.uint8)


def _likeness(footage: scenes.Scene, true: scenes.Scene) -> float:
    """Return the mean PSNR of the frames in between, in dB."""
    errors = (
        np.mean((made.astype(np.float32) - shot) ** 2)
        for made, shot in zip(footage.shots[1::2], true.shots[1::2], strict=True)
    )
    return statistics.fmean(float(10 * np.log10(255**2 / error)) for error in errors)
