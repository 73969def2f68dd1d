"""The main loop: every frame is dreamt on top of the last dream, warped along the motion."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace

import torch

from pipeline.anchors import NO_ANCHORS, Anchors, Snapshot
from pipeline.auxiliary.inputs import NO_INPUTS, AuxiliaryInputs
from pipeline.canvas import Canvas
from pipeline.cuts import ONE_SHOT, Cuts
from pipeline.dream_size import FULL_SIZE, DreamSize, enlarge
from pipeline.dreamer import Dream
from pipeline.flow import Flow, parallel_flows, with_motion
from pipeline.frame import Clip, Frame, Image, Span, to_picture
from pipeline.gradient import Gradient
from pipeline.gradient.finite_steps import FiniteSteps
from pipeline.gradient.oom_retry import OomRetry
from pipeline.gradient.tile_budget import TileBudget
from pipeline.lookahead import (
    GivenFrames,
    GivenPictures,
    frame_bytes,
    give,
    group_length,
    look_ahead,
)
from pipeline.model import Model
from pipeline.recording.recorder import NullRecorder, Recorder
from pipeline.runtime.prefetch import prefetch
from pipeline.runtime.timer import StageTimer
from pipeline.seamless_loop import NO_LOOP, SeamlessLoop
from pipeline.source import Source
from pipeline.stages import Stages
from pipeline.state import State


@dataclass(frozen=True)
class Pipeline:
    """All stages of a render, built once by `config.compose` or by hand."""

    source: Source
    """Pictures to dream on."""
    clip: Clip
    """Size, rate and length of the source, with its sound."""
    cuts: Cuts
    """Cut detection."""
    flow: Flow
    """Estimate of where each pixel was one frame ago."""
    stages_at: Callable[[int], Stages]
    """Frame index -> the stages whose settings may change over time."""
    model: Model
    """Network whose activations the objective scores."""
    auxiliary: AuxiliaryInputs = NO_INPUTS
    """Mask and guide."""
    tile_budget: TileBudget | None = None
    """How much of a picture the network may process at once. None: the full picture."""
    loop: SeamlessLoop = NO_LOOP
    """Cross-fade of the end into the start, if any."""
    dream_size: DreamSize = FULL_SIZE
    """Size of the dream, which may be smaller than the output."""
    anchors: Anchors = NO_ANCHORS
    """Earlier frames that give content that reappears its dream back."""
    mask_bars: bool = False
    """Whether black bars and plain borders stay as they are."""
    passes: int = 1
    """1, or 2: frames are dreamt backwards first, which gives what enters a dream."""

    @property
    def dream_clip(self) -> Clip:
        """The clip at the size of the dream."""
        height, width = self.dream_size.of(self.clip.height, self.clip.width)
        return replace(self.clip, height=height, width=width)

    @property
    def frames_ahead(self) -> int:
        """How many frames are dreamt backwards at once; 0 with a single pass."""
        return group_length(self.ahead_bytes) if self.passes > 1 else 0

    @property
    def ahead_bytes(self) -> int:
        """Memory of a frame that is dreamt backwards, in bytes."""
        is_masked = self.mask_bars or self.auxiliary.mask is not None
        return frame_bytes(self.dream_clip, self.clip, is_masked=is_masked)

    def backwards(self, frames: Sequence[Frame]) -> Pipeline:
        """Return the pipeline that dreams these frames, with pictures, from the last to the first.

        Only their dream layer matters: the frames have the size of the dream, and no mask.
        """
        in_turn = frames[::-1]
        pictures = tuple(frame.picture for frame in in_turn if frame.picture is not None)
        clip = replace(self.dream_clip, count=len(pictures), tracks=None)
        return replace(
            self,
            source=GivenPictures(clip, pictures),
            clip=clip,
            cuts=ONE_SHOT,
            auxiliary=GivenFrames(frames=in_turn),
            loop=NO_LOOP,
            dream_size=FULL_SIZE,
            mask_bars=False,
            passes=1,
        )

    @contextmanager
    def frames(self, start: int, device: torch.device) -> Iterator[Iterator[Frame]]:
        """Provide the frames from index `start` on: decoded, with cuts, motion, mask and guide.

        As these do not depend on the dreams, a thread prepares them ahead of the loop, unless the
        dream runs on the CPU and needs every core.
        """
        flows = parallel_flows(self.dream_clip, device)
        pictures = self.cuts(self.source.pictures())  # from frame 0: cuts depend on earlier frames
        motion_frames = with_motion(
            pictures,
            self.flow,
            self.clip.rate,
            start=start,
            at_once=flows,
            reduce=self.dream_size.reduce,
            mask_bars=self.mask_bars,
        )
        with prefetch(self.auxiliary(motion_frames), ahead=2 if flows else 0) as frames:
            yield frames


@dataclass(frozen=True)
class RenderedFrame:
    """One finished frame, for callers that show progress, previews or metrics."""

    frame: Frame
    """The frame before the dream."""
    canvas: Canvas
    """The canvas that the dream started from."""
    steady: bool
    """Whether dreamer and objective have the same settings as in the previous frame."""
    gradient: Gradient
    """The gradient that the dreamer climbed."""
    dream: Dream
    """The dream, before it is composited through the mask."""
    image: Image
    """The dream through the mask, (1, 3, H, W) in [0, 1], at the size of the dream."""
    state: State
    """The state after this frame."""
    spans: Mapping[str, Span]
    """Start and end of each stage, by name. "wait" is the time that the loop waited for the frame;
    "decode" and "flow" lie within it or, if prepared ahead, overlap the other stages."""


def render(
    pipeline: Pipeline,
    recorder: Recorder,
    *,
    seed: int,
    device: torch.device,
    on_ahead: Callable[[], object] = lambda: None,
) -> Generator[RenderedFrame, None, None]:
    """Dream every frame on top of the last dream, warped along the motion; yield each one.

    recorder: opened and closed by the caller. It gets each frame before the frame is yielded, and
    its output is complete when the iterator is exhausted. If it has the state of an unfinished
    render, that render is resumed. seed: seed of all randomness. on_ahead: called after each frame
    that is dreamt backwards; may raise. Raises UserError for errors that the user can fix.
    """
    clip, loop, model = pipeline.clip, pipeline.loop, pipeline.model.to(device)
    rate, size = float(clip.rate), pipeline.dream_clip
    state, recorder, timer = recorder.state, loop.record(recorder), StageTimer()
    pipeline = replace(pipeline, model=model)
    first_pass = _FirstPass(pipeline, seed, device, state.ahead_step_bytes, on_ahead)
    last_stages = pipeline.stages_at(max(0, state.index - 1))
    with pipeline.frames(state.index, device) as frames:  # decode, cuts, flow (CPU)
        ahead = look_ahead(frames, pipeline.frames_ahead, first_pass, age=state.age)
        for frame, dreamt_ahead in timer.waiting(ahead):
            stages = pipeline.stages_at(frame.index)
            steady, last_stages = stages.dreams_like(last_stages), stages
            with timer("warp"):  # (device)
                canvas = stages.warp(frame, state, stages.camera, rate=rate, device=device)
                canvas = pipeline.anchors(
                    canvas, frame, state.picture, state.snapshots, pipeline.flow
                )
                canvas = give(canvas, dreamt_ahead)
                canvas = stages.governor(canvas, rate=rate, steady=steady)
                canvas = loop.pull(canvas, state)
            with timer("dream"):  # (device)
                objective = stages.objective.bind(model, frame.guide)
                gradient = Gradient(model, objective, pipeline.tile_budget).within(state.step_bytes)
                dreamer = OomRetry(FiniteSteps(stages.dreamer))
                dreamer = dreamer.fit(size.height, size.width, gradient.smallest_side)
                rng = frame_rng(seed, frame, state)
                dream = dreamer(canvas, gradient, rng, memory=state.memory)
                image = canvas.composite(dream.image)
                shown = image if size == clip else enlarge(dream.image, canvas, frame, clip)
                picture = to_picture(shown, clip.depth)
            with timer("encode"):  # (ffmpeg)
                previous_state, state = state, state.after(frame, canvas, dream, pipeline.anchors)
                state = replace(state, ahead_step_bytes=first_pass.step_bytes)
                state = loop.keep(state, frame, image, picture)
                recorder.add([picture], previous_state, state, starts_shot=frame.cut)
            gradient, spans = gradient.within(dream.step_bytes), {**frame.spans, **timer.spans}
            yield RenderedFrame(frame, canvas, steady, gradient, dream, image, state, spans)
    recorder.finish()


class _FirstPass:
    """Dreams groups of frames backwards, see `lookahead`."""

    def __init__(
        self,
        pipeline: Pipeline,
        seed: int,
        device: torch.device,
        step_bytes: float | None,
        on_ahead: Callable[[], object],
    ) -> None:
        self.step_bytes = step_bytes
        """Memory that a gradient step may use, in bytes. None: as set in the tile budget."""
        self._pipeline, self._seed, self._device = pipeline, seed, device
        self._on_ahead = on_ahead

    def __call__(self, frames: Sequence[Frame]) -> list[Snapshot]:
        """Return the dreams of these frames, from the last to the first."""
        pipeline, dreams = self._pipeline.backwards(frames), list[Snapshot]()
        recorder = NullRecorder(State(step_bytes=self.step_bytes))
        with closing(render(pipeline, recorder, seed=self._seed, device=self._device)) as rendered:
            for one in rendered:
                ran_out = bool(dreams) and one.dream.step_bytes != self.step_bytes
                self.step_bytes = one.dream.step_bytes
                if ran_out:
                    break
                assert one.frame.picture is not None
                # in a fade or dissolve the layer is weak, however mature, and must not stay so
                shown = one.dream.maturity * min(1.0, one.canvas.level_factor) ** 2
                dream = replace(one.dream, maturity=shown)
                dreams.append(Snapshot.of(0, one.frame.picture, one.canvas, dream))
                self._on_ahead()
        # A group has tiles of one size throughout, or it would be another one when resumed.
        return dreams if len(dreams) == len(frames) else self(frames)


def frame_rng(seed: int, frame: Frame, state: State) -> torch.Generator:
    """Return the random generator of a frame, seeded from `seed` and its position in the shot.

    Without footage the frame index replaces the position. As positions count from the cut, a shot
    is the same whatever precedes it. They differ from frame to frame because with the same jitter
    in every frame the dream settles into a pattern that only this jitter reveals (measured over a
    still picture: a gain of 2.4 instead of 3.1 after 150 frames, at equal strength of the layer).
    """
    position = frame.index if frame.picture is None else 0 if frame.cut else state.age
    return torch.Generator().manual_seed((seed + position * 0x9E3779B1) % 2**63)
