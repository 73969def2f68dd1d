"""The program's own stages as `compose` makes them, for benches that look inside a render."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from pipeline.config.compose import compose, compose_stage
from pipeline.cuts import Cuts
from pipeline.errors import UserError
from pipeline.gradient import Gradient
from pipeline.jobs.job import Job
from pipeline.recording.recorder import NullRecorder, Recorder
from pipeline.render import RenderedFrame, render
from pipeline.seamless_loop import NO_LOOP, SeamlessLoop
from pipeline.source import Source

CPU = torch.device("cpu")
device = CPU
"""What renders of this run dream on; scripts/bench.py sets it."""
NO_INPUT = ("source=feedback",)
"""For jobs whose pictures come from the bench."""


def needed(clip: Path | None, bench: str) -> Path:
    """Return the clip, which this bench cannot do without. Raises UserError."""
    if clip is None:
        raise UserError(f"--clip: must be given for {bench}, got nothing; add --clip bikes.mp4")
    return clip


def job(words: Sequence[str] = ()) -> Job:
    """Return the job that a user gets with these words on the command line."""
    filmed = any(word.startswith(("input=", "recipe=", "source=")) for word in words)
    given = words if filmed else (*NO_INPUT, *words)
    return compose(f"device={device}", "overwrite=true", *given)


def stage(group: str, words: Sequence[str] = ()) -> Any:
    """Return the stage of this name, as it is at the first frame."""
    return compose_stage(group, *words)


def gradient(words: Sequence[str] = ()) -> Gradient:
    """Return the gradient of the configured objective and model, as the command line runs it."""
    pipeline = job(words).pipeline
    model = pipeline.model.to(device)
    return Gradient(model, pipeline.stages_at(0).objective.bind(model))


def wait() -> None:
    """Wait until the device has done all that it was told."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def job_of(
    source: Source,
    words: Sequence[str],
    gradient_fn: Gradient,
    *,
    loop: SeamlessLoop = NO_LOOP,
    cuts: Cuts | None = None,
) -> Job:
    """Return the job that the command line has for these words, with this source and model.

    cuts: what finds where shots begin, None = what is configured.
    """
    whole = job(words)
    pipeline = replace(
        whole.pipeline,
        source=source,
        clip=source.clip,
        cuts=cuts or whole.pipeline.cuts,
        stages_at=loop.blend_camera(whole.pipeline.stages_at),
        model=gradient_fn.model,
        loop=loop,
    )
    return replace(whole, pipeline=pipeline)


def rendered(
    source: Source,
    words: Sequence[str],
    gradient_fn: Gradient,
    recorder: Recorder | None = None,
    *,
    loop: SeamlessLoop = NO_LOOP,
    cuts: Cuts | None = None,
) -> Iterator[RenderedFrame]:
    """Return the render of this source, frame by frame, as the command line would do it."""
    whole = job_of(source, words, gradient_fn, loop=loop, cuts=cuts)
    return render(whole.pipeline, recorder or NullRecorder(), seed=whole.seed, device=device)


def recorded(
    words: Sequence[str],
    gradient_fn: Gradient,
    source: Source,
    output: Path,
    look: Callable[[RenderedFrame], object] = lambda _: None,
) -> tuple[Any, float]:
    """Return the figures of a whole render, recorded as the command line does, and its seconds.

    look: at each frame, while the clock runs.
    """
    whole = replace(job_of(source, words, gradient_fn), output=output)
    began = time.perf_counter()
    with whole.recording() as recording:
        report = whole.report(recording)
        for frame in whole.frames(recording, report):
            look(frame)
        figures = report.figures()
    return figures, time.perf_counter() - began
