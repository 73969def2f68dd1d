"""The loop: every frame dreamt, each on top of the last dream carried along the motion."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import torch

from pipeline.auxiliary.inputs import NO_INPUTS, AuxiliaryInputs
from pipeline.canvas import Canvas
from pipeline.cuts import Cuts
from pipeline.dreamer import Dream
from pipeline.flow import Flow, parallel_flows, with_motion
from pipeline.frame import Clip, Frame, Image, Span, to_picture
from pipeline.gradient import Gradient
from pipeline.gradient.finite_steps import FiniteSteps
from pipeline.gradient.oom_retry import OomRetry
from pipeline.gradient.tile_budget import TileBudget
from pipeline.model import Model
from pipeline.recording.recorder import Recorder
from pipeline.runtime.prefetch import prefetch
from pipeline.runtime.timer import StageTimer
from pipeline.seamless_loop import NO_LOOP, SeamlessLoop
from pipeline.source import Source
from pipeline.stages import Stages
from pipeline.state import State


@dataclass(frozen=True)
class Pipeline:
    """Everything that frames are made with, built once: by `config.compose`, or by hand."""

    source: Source
    """Where pictures come from."""
    clip: Clip
    """The source's, with the sound that goes with it."""
    cuts: Cuts
    """Where shots begin."""
    flow: Flow
    """Where each pixel was one frame ago."""
    stages_at: Callable[[int], Stages]
    """Frame index -> the stages whose settings may change over time."""
    model: Model
    """The network."""
    auxiliary: AuxiliaryInputs = NO_INPUTS
    """The mask and the guide."""
    tile_budget: TileBudget | None = None
    """How much of a picture the network may hold at once, None = all."""
    loop: SeamlessLoop = NO_LOOP
    """Whether the end joins the start."""

    @contextmanager
    def frames(self, start: int, device: torch.device) -> Iterator[Iterator[Frame]]:
        """Decode, detect cuts, find the motion, and attach mask and guide; never look at a dream.

        start: index of the first frame. It runs ahead in a thread, unless the dream needs every
        core.
        """
        flows = parallel_flows(self.clip, device)
        pictures = self.cuts(self.source.pictures())  # all: a cut stands out among others
        moved = with_motion(pictures, self.flow, self.clip.rate, start=start, at_once=flows)
        with prefetch(self.auxiliary(moved), ahead=2 if flows else 0) as frames:
            yield frames


@dataclass(frozen=True)
class RenderedFrame:
    """One finished frame, for callers that show progress, previews or metrics."""

    frame: Frame
    """The frame before it was dreamt."""
    canvas: Canvas
    """The canvas that it was dreamt on."""
    steady: bool
    """Whether dreamer and objective are set as in the frame before."""
    gradient: Gradient
    """The gradient that was climbed."""
    dream: Dream
    """The dream itself."""
    image: Image
    """The dream as it is shown, (1, 3, H, W) in [0, 1]."""
    state: State
    """The state after it."""
    spans: Mapping[str, Span]
    """When each stage was at work, by its name. Decode and flow were beside the others, or within
    wait, which is for them."""


def render(
    pipeline: Pipeline, recorder: Recorder, *, seed: int, device: torch.device
) -> Generator[RenderedFrame, None, None]:
    """Dream every frame on top of the last dream, warped along the motion; yield it once recorded.

    recorder: entered by the caller, complete when the iterator is exhausted; where it has an
    earlier render's state, that render is resumed. seed: of the randomness of every frame. Raises
    UserError for what the user can fix.
    """
    clip, loop, model = pipeline.clip, pipeline.loop, pipeline.model.to(device)
    rate = float(clip.rate)
    state, recorder, timer = recorder.state, loop.record(recorder), StageTimer()
    with pipeline.frames(state.index, device) as frames:  # decode, flow (CPU)
        for frame in timer.waiting(frames):
            stages = pipeline.stages_at(frame.index)
            steady = stages.dreams_like(pipeline.stages_at(max(0, frame.index - 1)))
            with timer("warp"):  # (device)
                canvas = stages.warp(frame, state, stages.camera, rate=rate, device=device)
                canvas = stages.governor(canvas, rate=rate, steady=steady)
                canvas = loop.pull(canvas, state)
            with timer("dream"):  # (device)
                objective = stages.objective.bind(model, frame.guide)
                gradient = Gradient(model, objective, pipeline.tile_budget).within(state.step_bytes)
                dreamer = OomRetry(FiniteSteps(stages.dreamer))
                dreamer = dreamer.fit(clip.height, clip.width, gradient.smallest_side)
                rng = frame_rng(seed, frame, state)
                dream = dreamer(canvas, gradient, rng, memory=state.memory)
                image = canvas.composite(dream.image)
                picture = to_picture(image, clip.depth)
            with timer("encode"):  # (ffmpeg)
                before, state = state, state.after(frame, canvas, dream)
                state = loop.keep(state, frame, image, picture)
                recorder.add([picture], before, state, starts_shot=frame.cut)
            gradient, spans = gradient.within(dream.step_bytes), {**frame.spans, **timer.spans}
            yield RenderedFrame(frame, canvas, steady, gradient, dream, image, state, spans)
    recorder.finish()


def frame_rng(seed: int, frame: Frame, state: State) -> torch.Generator:
    """Return the randomness of this frame: another one for each frame of a shot, whatever came
    before the shot.

    With the same jitter at every frame the dream would settle into a pattern that only this jitter
    sees: measured over a still picture, a gain of 2.4 for 3.1 after 150 frames, at one strength.
    """
    number = frame.index if frame.picture is None else 0 if frame.cut else state.age
    return torch.Generator().manual_seed((seed + number * 0x9E3779B1) % 2**63)
