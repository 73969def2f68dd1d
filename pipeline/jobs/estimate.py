"""Estimates what a render will take, time, memory and disk, from a few of its frames.

How many steps a frame gets hangs on how much of it is new, so frames from all over the video are
walked through with everything but the network, and a step of that is timed at every size. The first
frames are then rendered indeed: so much longer it takes to do all that at once.
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
"""Stretches of a video that are walked through, and frames of each."""
REACH = 3000
"""Frames among which they lie: to get to one, all before it are decoded."""
REAL = 13
"""Frames that are rendered indeed."""
TIMES, SECONDS = 5, 2.0
"""How often a step is timed at each size, or for how long."""


def estimate(job: Job) -> Forecast:
    """Return what the job will take. Raises UserError for what would be wrong with it."""
    return _of_all(job, job.stills) if job.stills is not None else _of_one(job)


def _of_one(job: Job) -> Forecast:
    pipeline = replace(job.pipeline, model=job.pipeline.model.to(job.device))
    job = replace(job, pipeline=pipeline, frame_range=None)
    check_fit(job)
    walked = list(_walked(job))
    first, rest = walked[0], walked[1:]
    step = _step_seconds(job, {size for one in walked for size in one.work})
    count = pipeline.clip.count
    if not rest:
        memory = peak_memory_bytes(job.device)
        return Forecast(count, first.steps, first.cost(step), memory, None)
    real = rest[: REAL - 1]
    started, continued, sizes = _rendered(job, 1 + len(real))
    ratio = continued / sum(one.cost(step) for one in real)
    each = ratio * statistics.fmean(one.cost(step) for one in rest)
    steps = statistics.fmean(one.steps for one in rest)
    memory = peak_memory_bytes(job.device)
    if count is None:
        return Forecast(None, steps, each, memory, sizes[1])
    pictures = job.clip.count or count
    segments = -(-pictures // job.saving.segment_frames)
    whole = segments * sizes[0] + (pictures - segments) * sizes[1]
    return Forecast(count, steps, started + (count - 1) * each, memory, whole)


def _of_all(job: Job, stills: StillCollection) -> Forecast:
    """Return what all of several stills will take, by their pixels. Raises UserError as above."""
    sources: list[Source] = []
    for _, source in stills.each():
        with suppress(UserError):  # that one will be left out, and said
            _ = source.clip
            sources.append(source)
    one = _of_one(replace(job, pipeline=replace(job.pipeline, source=sources[0])))
    first, *_ = pixels = [source.clip.height * source.clip.width for source in sources]
    return replace(one, frames=len(pixels), seconds=one.seconds * sum(pixels) / first)


@dataclass(frozen=True)
class _Walked:
    """A frame without the network."""

    seconds: float
    """Of what this thread did."""
    work: Mapping[tuple[int, int], int]
    """Steps by size, (height, width)."""
    steps: float
    """These, weighted."""

    def cost(self, step: Mapping[tuple[int, int], float]) -> float:
        """Return seconds, if the network takes these for a step."""
        return self.seconds + sum(count * step[size] for size, count in self.work.items())


def _walked(job: Job) -> Iterator[_Walked]:
    """Yield frames from all over the video, the very first among them in front."""
    pipeline = job.pipeline
    source, count = pipeline.source, pipeline.clip.count
    _, second = [*islice(source.pictures(), 2), None, None][:2]
    reach = REACH if count is None else min(count, REACH)
    begins, long = [0], LONG
    if reach <= WINDOWS * LONG:
        long = reach
    elif second is not None:  # what was not filmed goes on as it begins
        begins = [(reach - LONG) * n // (WINDOWS - 1) for n in range(WINDOWS)]
    blind = replace(
        pipeline, model=_Blind(pipeline.model), tile_budget=None, loop=SeamlessLoop(0, count)
    )
    # what is found beside the dream takes none of its time
    since = "warp" if parallel_flows(pipeline.clip, job.device) else "wait"
    for begin in begins:
        cuts = FrameRange(begin, begin + long).within(pipeline.cuts, source)
        recorder = NullRecorder(_grown(job, begin))
        frames = render(replace(blind, cuts=cuts), recorder, seed=job.seed, device=job.device)
        with closing(frames):
            for frame in islice(frames, long):
                spent = frame.spans["dream"][1] - frame.spans[since][0]
                yield _Walked(spent, frame.dream.work, frame.dream.steps)


def _grown(job: Job, begin: int) -> State:
    """Return the state before that frame, as if a dream had grown by then."""
    pictures = job.pipeline.source.pictures(start=begin - 1) if begin else ()
    picture = next(iter(pictures), None)
    if picture is None:
        return State()
    image = to_image(picture, job.device)
    return State(begin, picture, image, torch.ones_like(image[:, :1]))


def _step_seconds(job: Job, sizes: Iterable[tuple[int, int]]) -> dict[tuple[int, int], float]:
    """Return the seconds of a gradient of the network alone at each size."""
    pipeline = job.pipeline
    objective = pipeline.stages_at(0).objective
    bound = objective.bind(pipeline.model, pipeline.auxiliary.first_guide())
    gradient_fn = Gradient(pipeline.model, bound, pipeline.tile_budget)
    first = next(iter(pipeline.source.pictures()))
    assert first is not None
    image = to_image(first, job.device)
    return {size: _timed(gradient_fn, F.interpolate(image, size)) for size in sizes}


def _timed(gradient_fn: Gradient, image: Image) -> float:
    float(gradient_fn(image)[1])  # the first time is slower
    took: list[float] = []
    while len(took) < TIMES and sum(took) < SECONDS:
        began = time.perf_counter()
        float(gradient_fn(image)[1])  # waited for, wherever it is computed
        took.append(time.perf_counter() - began)
    return statistics.median(took)


def _rendered(job: Job, count: int) -> tuple[float, float, tuple[int, int]]:
    """Return the seconds of the first frame, and of so many but the first together; and the bytes
    of a segment's first picture, and of another.
    """
    _ = job.clip  # raises UserError for a loop that is longer than the source
    pipeline, encoder = job.pipeline, job.encoder
    job = replace(job, pipeline=replace(pipeline, loop=NO_LOOP), frame_range=FrameRange(0, count))
    with tempfile.TemporaryDirectory(prefix="dreamreel-") as name:
        one, all_ = Path(name) / "one", Path(name) / "all"
        with encoder.open(all_, pipeline.clip) as writer:
            kept, report = _Writing(writer), Report(pipeline.source, job.device)
            spans = [frame.spans for frame in job.frames(kept, report)]
        with encoder.open(one, pipeline.clip) as writer:
            writer.write(kept.pictures[0])
        first = one.stat().st_size
        another = (all_.stat().st_size - first) // (count - 1)
    started, (_, ready), (_, ended) = spans[0]["warp"][0], spans[0]["encode"], spans[-1]["encode"]
    return ready - started, ended - ready, (first, another)


class _Writing(NullRecorder):
    """A Recorder that keeps the first picture and writes all."""

    def __init__(self, writer: Writer) -> None:
        super().__init__()
        self.pictures: list[Picture] = []
        self._writer = writer

    def add(
        self, pictures: Sequence[Picture], before: State, state: State, *, starts_shot: bool = False
    ) -> None:
        """Take the frame."""
        for picture in pictures:
            self._writer.write(picture)
            self.pictures = self.pictures or [picture]


class _Blind(ModelWrapper):
    """A Model that sees nothing: maps of the right shapes, all 0, at next to no cost."""

    def __init__(self, model: Model) -> None:
        super().__init__(model)
        self._shapes: dict[tuple[tuple[int, ...], tuple[str, ...]], dict[str, torch.Size]] = {}

    def __call__(self, image: Image, layers: Sequence[str]) -> Activations:
        """Maps of nothing, as those of the image are."""
        asked = tuple(image.shape), tuple(layers)
        if asked not in self._shapes:
            with torch.no_grad():
                seen = self.model(image, layers)
            self._shapes[asked] = {name: map_.shape for name, map_ in seen.items()}
        nothing = image.mean() * 0
        return {name: nothing.expand(shape) for name, shape in self._shapes[asked].items()}

    def to(self, device: torch.device) -> Model:
        """Return itself: it is there already."""
        return self
