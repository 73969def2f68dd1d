"""Estimates the time, memory and disk space that a render will take, from a few of its frames.

The number of gradient steps of a frame depends on how much of it is new. So frames from all over
the video are processed without the network, and a step of the network is timed at each image size.
Then the first frames are rendered completely; the ratio of their measured to their estimated time
corrects the estimate.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

import torch
import torch.nn.functional as F

from pipeline.encoder import Writer
from pipeline.errors import UserError
from pipeline.flow import parallel_flows
from pipeline.frame import Image, Picture, to_image
from pipeline.frame_range import FrameRange
from pipeline.gradient import Gradient
from pipeline.jobs.forecast import Forecast
from pipeline.jobs.job import Job, check_fit
from pipeline.model import Activations, Model
from pipeline.model.network.wrapper import ModelWrapper
from pipeline.recording.recorder import NullRecorder
from pipeline.render import render
from pipeline.report.report import Report, peak_memory_bytes
from pipeline.seamless_loop import NO_LOOP, SeamlessLoop
from pipeline.source import Source, StillCollection
from pipeline.state import State

WINDOWS, LONG = 8, 16
"""Number of windows of a video whose frames are processed, and number of frames in each."""
REACH = 3000
"""Frames from the start that windows are taken from: all frames before a window are decoded."""
REAL = 13
"""Number of frames that are rendered completely."""
TIMES, SECONDS = 5, 2.0
"""Maximum number of times that a step is timed at each size, and maximum seconds for that."""


def estimate(job: Job) -> Forecast:
    """Return the expected cost of the job. Raises UserError where running the job would."""
    return _estimate_stills(job, job.stills) if job.stills is not None else _estimate_one(job)


def _estimate_one(job: Job) -> Forecast:
    passes, ahead = job.pipeline.passes, job.pipeline.frames_ahead
    pipeline = replace(job.pipeline, model=job.pipeline.model.to(job.device), passes=1)
    job = replace(job, pipeline=pipeline, frame_range=None)
    check_fit(job)
    costs = list(_frame_costs(job))
    first, rest = costs[0], costs[1:]
    step = _step_seconds(job, {size for one in costs for size in one.work})
    count = pipeline.clip.count
    if not rest:
        memory = peak_memory_bytes(job.device)
        return Forecast(count, first.steps, first.cost(step), memory, None)
    real = rest[: REAL - 1]
    started, continued, sizes = _render_first(job, 1 + len(real))
    ratio = continued / sum(one.cost(step) for one in real)
    each = passes * ratio * statistics.fmean(one.cost(step) for one in rest)
    steps = statistics.fmean(one.steps for one in rest)
    memory = peak_memory_bytes(job.device) + ahead * pipeline.ahead_bytes
    if count is None:
        return Forecast(None, steps, each, memory, sizes[1])
    pictures = job.clip.count or count
    segments = -(-pictures // job.saving.segment_frames)
    total = segments * sizes[0] + (pictures - segments) * sizes[1]
    return Forecast(count, steps, started + (count - 1) * each, memory, total)


def _estimate_stills(job: Job, stills: StillCollection) -> Forecast:
    """Return the expected cost of all stills, from that of the first and their numbers of pixels.

    Raises UserError as `estimate` does.
    """
    sources: list[Source] = []
    for _, source in stills.each():
        with suppress(UserError):  # run_stills leaves it out and logs why
            _ = source.clip
            sources.append(source)
    one = _estimate_one(replace(job, pipeline=replace(job.pipeline, source=sources[0])))
    first, *_ = pixels = [source.clip.height * source.clip.width for source in sources]
    return replace(one, frames=len(pixels), seconds=one.seconds * sum(pixels) / first)


@dataclass(frozen=True)
class _FrameCost:
    """Cost of a frame."""

    seconds: float
    """Seconds that the thread of the render takes without the network."""
    work: Mapping[tuple[int, int], int]
    """(height, width) -> number of gradient steps at that size."""
    steps: float
    """Number of gradient steps, weighted as in report.json."""

    def cost(self, step: Mapping[tuple[int, int], float]) -> float:
        """Return the seconds of the frame. step: (height, width) -> seconds of a gradient step."""
        return self.seconds + sum(count * step[size] for size, count in self.work.items())


def _frame_costs(job: Job) -> Iterator[_FrameCost]:
    """Yield the costs of frames from all over the video, starting with its first frame."""
    pipeline = job.pipeline
    source, count = pipeline.source, pipeline.clip.count
    _, second = [*islice(source.pictures(), 2), None, None][:2]
    reach = REACH if count is None else min(count, REACH)
    begins, length = [0], LONG
    if reach <= WINDOWS * LONG:
        length = reach
    elif second is not None:  # without further pictures, later frames are like the first ones
        begins = [(reach - LONG) * n // (WINDOWS - 1) for n in range(WINDOWS)]
    without_network = replace(
        pipeline, model=_ZeroModel(pipeline.model), tile_budget=None, loop=SeamlessLoop(0, count)
    )
    # flows that are computed in parallel take no time of the thread that dreams
    start_stage = "warp" if parallel_flows(pipeline.dream_clip, job.device) else "wait"
    for begin in begins:
        cuts = FrameRange(begin, begin + length).within(pipeline.cuts, source)
        recorder = NullRecorder(_state_before(job, begin))
        frames = render(
            replace(without_network, cuts=cuts), recorder, seed=job.seed, device=job.device
        )
        with closing(frames):
            for frame in islice(frames, length):
                duration = frame.spans["dream"][1] - frame.spans[start_stage][0]
                yield _FrameCost(duration, frame.dream.work, frame.dream.steps)


def _state_before(job: Job, begin: int) -> State:
    """Return a state before frame `begin` in which the dream has matured."""
    pictures = job.pipeline.source.pictures(start=begin - 1) if begin else ()
    picture = next(iter(pictures), None)
    if picture is None:
        return State()
    picture = job.pipeline.dream_size.reduce(picture)
    image = to_image(picture, job.device)
    return State(begin, picture, image, torch.ones_like(image[:, :1]))


def _step_seconds(job: Job, sizes: Iterable[tuple[int, int]]) -> dict[tuple[int, int], float]:
    """Return the seconds of a gradient of the network alone, by size, (height, width)."""
    pipeline = job.pipeline
    objective = pipeline.stages_at(0).objective
    bound = objective.bind(pipeline.model, pipeline.auxiliary.first_guide())
    gradient_fn = Gradient(pipeline.model, bound, pipeline.tile_budget)
    first = next(iter(pipeline.source.pictures()))
    assert first is not None
    image = to_image(first, job.device)
    return {size: _median_seconds(gradient_fn, F.interpolate(image, size)) for size in sizes}


def _median_seconds(gradient_fn: Gradient, image: Image) -> float:
    float(gradient_fn(image)[1])  # the first call is slower
    durations: list[float] = []
    while len(durations) < TIMES and sum(durations) < SECONDS:
        start_time = time.perf_counter()
        float(gradient_fn(image)[1])  # float() waits for the device
        durations.append(time.perf_counter() - start_time)
    return statistics.median(durations)


def _render_first(job: Job, count: int) -> tuple[float, float, tuple[int, int]]:
    """Render the first `count` frames and return their cost.

    Returns the seconds of the first frame, those of all others together, and the bytes of the first
    picture of a segment and of any other.
    """
    _ = job.clip  # raises UserError if the loop is too long for the source
    pipeline, encoder = job.pipeline, job.encoder
    job = replace(job, pipeline=replace(pipeline, loop=NO_LOOP), frame_range=FrameRange(0, count))
    with tempfile.TemporaryDirectory(prefix="dreamreel-") as name:
        one, all_ = Path(name) / "one", Path(name) / "all"
        with encoder.open(all_, pipeline.clip) as writer:
            sink, report = _WritingRecorder(writer), Report(pipeline.source, job.device)
            spans = [frame.spans for frame in job.frames(sink, report)]
        with encoder.open(one, pipeline.clip) as writer:
            writer.write(sink.pictures[0])
        first = one.stat().st_size
        another = (all_.stat().st_size - first) // (count - 1)
    started, (_, ready), (_, ended) = spans[0]["warp"][0], spans[0]["encode"], spans[-1]["encode"]
    return ready - started, ended - ready, (first, another)


class _WritingRecorder(NullRecorder):
    """A Recorder that writes all pictures and keeps the first."""

    def __init__(self, writer: Writer) -> None:
        super().__init__()
        self.pictures: list[Picture] = []
        self._writer = writer

    def add(
        self, pictures: Sequence[Picture], before: State, state: State, *, starts_shot: bool = False
    ) -> None:
        """Write the pictures."""
        for picture in pictures:
            self._writer.write(picture)
            self.pictures = self.pictures or [picture]


class _ZeroModel(ModelWrapper):
    """A Model whose activations have the right shapes but are all 0, at almost no cost."""

    def __init__(self, model: Model) -> None:
        super().__init__(model)
        self._shapes: dict[tuple[tuple[int, ...], tuple[str, ...]], dict[str, torch.Size]] = {}

    def __call__(self, image: Image, layers: Sequence[str]) -> Activations:
        """Return zeros of the shapes of the image's activations."""
        key = tuple(image.shape), tuple(layers)
        if key not in self._shapes:
            with torch.no_grad():
                activations = self.model(image, layers)
            self._shapes[key] = {name: map_.shape for name, map_ in activations.items()}
        zero = image.mean() * 0
        return {name: zero.expand(shape) for name, shape in self._shapes[key].items()}

    def to(self, device: torch.device) -> Model:
        """Return the model itself: it is on the device already."""
        return self
