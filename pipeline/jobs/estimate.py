"""What a render will take, time, memory and disk, told from a few of its frames.

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
from pipeline.flow import at_once
from pipeline.frame import Image, Picture, State, to_image
from pipeline.frame_range import FrameRange
from pipeline.gradient import Gradient
from pipeline.jobs.forecast import Forecast
from pipeline.jobs.job import Pipeline, RenderRequest, dreamt, say_what_must_fit
from pipeline.model import Activations, Model
from pipeline.model.network.wrapper import ModelWrapper
from pipeline.render import render
from pipeline.report.report import Report, peak_memory_bytes
from pipeline.seamless_loop import Loop
from pipeline.source import Several, Source

WINDOWS, LONG = 8, 16
"""Stretches of a video that are walked through, and frames of each."""
REACH = 3000
"""Frames among which they lie: to get to one, all before it are decoded."""
REAL = 13
"""Frames that are rendered indeed."""
TIMES, SECONDS = 5, 2.0
"""How often a step is timed at each size, or for how long."""


def estimate(parts: Pipeline, order: RenderRequest) -> Forecast:
    """What the render will take. Raises UserError for what would be wrong with it."""
    parts, order = replace(parts, model=parts.model.to(order.device)), replace(order, part=None)
    say_what_must_fit(parts, order.device)
    walked = list(_walked(parts, order))
    first, rest = walked[0], walked[1:]
    step = _step_seconds(parts, order, {size for one in walked for size in one.work})
    count = parts.clip.count
    if not rest:
        memory = peak_memory_bytes(order.device)
        return Forecast(count, first.steps, first.cost(step), memory, None)
    real = rest[: REAL - 1]
    begun, went_on, sizes = _rendered(parts, order, 1 + len(real))
    beside = went_on / sum(one.cost(step) for one in real)
    each = beside * statistics.fmean(one.cost(step) for one in rest)
    steps = statistics.fmean(one.steps for one in rest)
    memory = peak_memory_bytes(order.device)
    if count is None:
        return Forecast(None, steps, each, memory, sizes[1])
    shown_ = order.clip(parts).count or count
    segments = -(-shown_ // order.saving.segment_frames)
    whole = segments * sizes[0] + (shown_ - segments) * sizes[1]
    return Forecast(count, steps, begun + (count - 1) * each, memory, whole)


def of_all(stills: Several, parts: Pipeline, order: RenderRequest) -> Forecast:
    """What all of several stills will take, by their pixels. parts: of the first. Raises UserError
    as above.
    """
    sources: list[Source] = []
    for _, source in stills.each():
        with suppress(UserError):  # that one will be left out, and said
            _ = source.clip
            sources.append(source)
    one = estimate(replace(parts, source=sources[0]), order)
    first, *_ = pixels = [source.clip.height * source.clip.width for source in sources]
    return replace(one, frames=len(pixels), seconds=one.seconds * sum(pixels) / first)


@dataclass(frozen=True)
class _Walked:
    """A frame without the network. seconds: of what this thread did. work: steps by size, (height,
    width). steps: these, weighted.
    """

    seconds: float
    work: Mapping[tuple[int, int], int]
    steps: float

    def cost(self, step: Mapping[tuple[int, int], float]) -> float:
        """Seconds, if the network takes these for a step."""
        return self.seconds + sum(count * step[size] for size, count in self.work.items())


def _walked(parts: Pipeline, order: RenderRequest) -> Iterator[_Walked]:
    """Frames from all over the video, the very first among them in front."""
    source, count = parts.source, parts.clip.count
    _, second = [*islice(source.pictures(), 2), None, None][:2]
    reach = REACH if count is None else min(count, REACH)
    begins, long = [0], LONG
    if reach <= WINDOWS * LONG:
        long = reach
    elif second is not None:  # what was not filmed goes on as it begins
        begins = [(reach - LONG) * n // (WINDOWS - 1) for n in range(WINDOWS)]
    blind = _Blind(parts.model)
    # what is found beside the dream takes none of its time
    since = "warp" if at_once(parts.clip, order.device) else "wait"
    for begin in begins:
        part = FrameRange(begin, begin + long)
        frames = render(
            source, part.within(parts.cuts, source), parts.flow, parts.moments, blind,
            _Kept(_grown(parts, order, begin)), loop=Loop(0, count), beside=parts.beside,
            seed=order.seed, device=order.device,
        )  # fmt: skip
        with closing(frames):
            for frame in islice(frames, long):
                spent = frame.spans["dream"][1] - frame.spans[since][0]
                yield _Walked(spent, frame.dream.work, frame.dream.steps)


def _grown(parts: Pipeline, order: RenderRequest, begin: int) -> State:
    """The state before that frame, as if a dream had grown by then."""
    picture = next(iter(parts.source.pictures(start=begin - 1)), None) if begin else None
    if picture is None:
        return State()
    image = to_image(picture, order.device)
    return State(begin, picture, image, torch.ones_like(image[:, :1]))


def _step_seconds(
    parts: Pipeline, order: RenderRequest, sizes: Iterable[tuple[int, int]]
) -> dict[tuple[int, int], float]:
    """Seconds of a gradient of the network alone at each size."""
    aim = parts.moments(0).objective.of(parts.model, parts.beside.first_guide())
    gradient_fn = Gradient(parts.model, aim, parts.room)
    first = next(iter(parts.source.pictures()))
    assert first is not None
    image = to_image(first, order.device)
    return {size: _timed(gradient_fn, F.interpolate(image, size)) for size in sizes}


def _timed(gradient_fn: Gradient, image: Image) -> float:
    float(gradient_fn(image)[1])  # the first time is slower
    took: list[float] = []
    while len(took) < TIMES and sum(took) < SECONDS:
        began = time.perf_counter()
        float(gradient_fn(image)[1])  # waited for, wherever it is computed
        took.append(time.perf_counter() - began)
    return statistics.median(took)


def _rendered(
    parts: Pipeline, order: RenderRequest, count: int
) -> tuple[float, float, tuple[int, int]]:
    """Seconds of the first frame, and of so many but the first together; and the bytes of a
    segment's first picture, and of another.
    """
    order.clip(parts)  # raises UserError for a loop that is longer than the source
    order, clip = replace(order, overlap=0, part=FrameRange(0, count)), parts.clip
    with tempfile.TemporaryDirectory(prefix="dreamreel-") as name:
        one, all_ = Path(name) / "one", Path(name) / "all"
        with parts.encoder.open(all_, clip) as writer:
            kept, report = _Kept(State(), writer), Report(parts.source, order.device)
            spans = [frame.spans for frame in dreamt(parts, order, kept, report)]
        with parts.encoder.open(one, clip) as writer:
            writer.write(kept.pictures[0])
        first = one.stat().st_size
        another = (all_.stat().st_size - first) // (count - 1)
    begun, (_, ready), (_, ended) = spans[0]["warp"][0], spans[0]["encode"], spans[-1]["encode"]
    return ready - begun, ended - ready, (first, another)


class _Kept:
    """A recorder that keeps the first picture and writes all, if there is a writer."""

    def __init__(self, state: State, writer: Writer | None = None) -> None:
        self.state = state
        self.pictures: list[Picture] = []
        self._writer = writer

    def add(
        self, pictures: Sequence[Picture], before: State, state: State, *, fresh: bool = False
    ) -> None:
        """Take the frame."""
        if self._writer is not None:
            for picture in pictures:
                self._writer.write(picture)
                self.pictures = self.pictures or [picture]

    def finish(self, rest: Iterable[Picture]) -> None:
        """Nothing."""


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
        """Itself: it is there already."""
        return self
