"""The loop: every frame dreamt, each on top of the last dream carried along the motion."""

from __future__ import annotations

import time
from collections.abc import Generator, Mapping
from dataclasses import dataclass

import torch

from pipeline.camera import Camera
from pipeline.cuts import Cuts
from pipeline.dreamer import Dream, Dreamer
from pipeline.flow import Flow, with_motion
from pipeline.frame import Frame, State, to_picture
from pipeline.gradient import Gradient
from pipeline.prefetch import prefetch
from pipeline.recording import Recorder
from pipeline.source import Source
from pipeline.warp import Canvas, Warp


@dataclass(frozen=True)
class Dreamt:
    """One finished frame, for whoever shows progress, previews or figures.

    canvas: what it was dreamt on. state: what the next frame starts from. seconds: what each stage
    took, by its name; decode and flow ran beside the others.
    """

    frame: Frame
    canvas: Canvas
    dream: Dream
    state: State
    seconds: Mapping[str, float]


def render(
    source: Source,
    cuts: Cuts,
    flow: Flow,
    camera: Camera,
    warp: Warp,
    dreamer: Dreamer,
    gradient: Gradient,
    recording: Recorder,
    *,
    seed: int,
    device: torch.device,
) -> Generator[Dreamt, None, None]:
    """Yield every frame of the source once it is dreamt and recorded.

    recording: entered by the caller, complete when the iterator is exhausted. seed: of the
    randomness of every frame. Raises UserError for what the user can mend.
    """
    clip = source.clip
    smallest = gradient.smallest_side
    dreamer = dreamer.fit(height=clip.height, width=clip.width, smallest_side=smallest)
    state = State()

    pictures = source.pictures(start=state.index)  # decode  (CPU)
    frames = with_motion(cuts(pictures), flow, clip.rate)  # flow    (CPU)
    with prefetch(frames) as ahead:  # both run ahead in a thread
        for frame in ahead:
            clock = [time.perf_counter()]
            canvas = warp(frame, state, camera, rate=float(clip.rate), device=device)  # (device)
            clock.append(time.perf_counter())
            # The same randomness for every frame: a still scene must give a still dream.
            rng = torch.Generator().manual_seed(seed)
            dream = dreamer(canvas.image, canvas.maturity, gradient, index=frame.index, rng=rng)
            state = state.after(frame, dream.image, dream.maturity)
            picture = to_picture(dream.image)
            clock.append(time.perf_counter())
            recording.append(picture)  # encode  (ffmpeg)
            clock.append(time.perf_counter())
            yield Dreamt(frame, canvas, dream, state, frame.seconds | _spans(clock))
    recording.finish()


def _spans(clock: list[float]) -> dict[str, float]:
    """Seconds of warp, dream and encode from the four times between them."""
    names = ("warp", "dream", "encode")
    return {name: clock[i + 1] - clock[i] for i, name in enumerate(names)}
