"""Jobs and stages from `compose`, for benchmarks that look inside a render."""

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
from pipeline.ffmpeg.process import running
from pipeline.frame import Image
from pipeline.gradient import Gradient
from pipeline.jobs.job import Job
from pipeline.recording.recorder import NullRecorder, Recorder
from pipeline.render import RenderedFrame, render
from pipeline.seamless_loop import NO_LOOP, SeamlessLoop
from pipeline.source import Source

CPU = torch.device("cpu")
device = CPU
"""Device of all renders of this run; scripts/bench.py sets it."""
NO_INPUT = ("source=feedback",)
"""Settings of jobs whose pictures come from the benchmark."""


def needed(clip: Path | None, bench: str) -> Path:
    """Return the clip. Raises UserError if it is None: this benchmark needs one."""
    if clip is None:
        raise UserError(f"--clip: must be given for {bench}, got nothing; add --clip bikes.mp4")
    return clip


def job(words: Sequence[str] = ()) -> Job:
    """Return the job of a command line with these settings."""
    has_input = any(word.startswith(("input=", "recipe=", "source=")) for word in words)
    settings = words if has_input else (*NO_INPUT, *words)
    return compose(f"device={device}", "overwrite=true", *settings)


def stage(group: str, words: Sequence[str] = ()) -> Any:
    """Return the stage of this group as it is at the first frame."""
    return compose_stage(group, *words)


def gradient(words: Sequence[str] = ()) -> Gradient:
    """Return the gradient of the configured objective and model, as the command line uses it."""
    pipeline = job(words).pipeline
    model = pipeline.model.to(device)
    return Gradient(model, pipeline.stages_at(0).objective.bind(model))


def clips(clip: Path | None) -> list[Path]:
    """Return the clips of --clip: one, those of a folder, or none."""
    return [] if clip is None else sorted(clip.iterdir()) if clip.is_dir() else [clip]


def gain(gradient_fn: Gradient, image: Image, source: Image) -> float:
    """Return the score of a dream over that of its source, both (1, 3, H, W)."""
    return float(gradient_fn.score(image) / gradient_fn.score(source))


def wait() -> None:
    """Wait until the device has finished all its work."""
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
    """Return the job of a command line with these settings, but with this source and model.

    cuts: the cut detector; None: the configured one.
    """
    render_job = job(words)
    pipeline = replace(
        render_job.pipeline,
        source=source,
        clip=source.clip,
        cuts=cuts or render_job.pipeline.cuts,
        stages_at=loop.blend_camera(render_job.pipeline.stages_at),
        model=gradient_fn.model,
        loop=loop,
    )
    return replace(render_job, pipeline=pipeline)


def rendered(
    source: Source,
    words: Sequence[str],
    gradient_fn: Gradient,
    recorder: Recorder | None = None,
    *,
    loop: SeamlessLoop = NO_LOOP,
    cuts: Cuts | None = None,
) -> Iterator[RenderedFrame]:
    """Render this source frame by frame, as the command line would."""
    render_job = job_of(source, words, gradient_fn, loop=loop, cuts=cuts)
    return render(
        render_job.pipeline, recorder or NullRecorder(), seed=render_job.seed, device=device
    )


def recorded(
    words: Sequence[str],
    gradient_fn: Gradient,
    source: Source,
    output: Path,
    look: Callable[[RenderedFrame], object] = lambda _: None,
) -> tuple[Any, float]:
    """Render to a file as the command line does; return the report and the seconds.

    look: called with each frame; its time is included.
    """
    render_job = replace(job_of(source, words, gradient_fn), output=output)
    start = time.perf_counter()
    with render_job.recording() as recording:
        report = render_job.report(recording)
        for frame in render_job.frames(recording, report):
            look(frame)
        figures = report.figures()
    return figures, time.perf_counter() - start


def write_clip(words: Sequence[str], output: Path) -> Path:
    """Write a file with ffmpeg and return it. words: ffmpeg's arguments before the output."""
    with running(["-y", *words, str(output)]) as process:
        process.popen.wait()
    return output
