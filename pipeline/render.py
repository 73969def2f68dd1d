"""The loop: every frame dreamt, each on top of the last dream carried along the motion."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from itertools import pairwise

import torch
from torch import Tensor

from pipeline.auxiliary.inputs import NO_INPUTS, AuxiliaryInputs
from pipeline.auxiliary.mask import as_shown, on_device, shown, weighed
from pipeline.cuts import Cuts
from pipeline.dreamer import Dream
from pipeline.flow import Flow, at_once, with_motion
from pipeline.frame import Frame, Image, Span, State, to_picture
from pipeline.gradient import Gradient
from pipeline.gradient.oom_retry import dreamt_within_memory
from pipeline.gradient.tile_budget import TileBudget
from pipeline.model import Model
from pipeline.recording.recorder import Recorder
from pipeline.runtime.prefetch import prefetch
from pipeline.seamless_loop import Loop
from pipeline.source import Source
from pipeline.stages import Stages
from pipeline.warp import Canvas


@dataclass(frozen=True)
class RenderedFrame:
    """One finished frame, for whoever shows progress, previews or figures.

    canvas: what it was carried to. steady: whether dreamer and objective are set as in the frame
    before. gradient: what was climbed. image: what is seen of the dream,
    (1, 3, H, W) in [0, 1]. mask: (1, 1, H, W) of it, None = all. state: what the next frame starts
    from. spans: when each stage was at work, by its name; decode and flow were beside the others,
    or within wait, which is for them.
    """

    frame: Frame
    canvas: Canvas
    steady: bool
    gradient: Gradient
    dream: Dream
    image: Image
    mask: Tensor | None
    state: State
    spans: Mapping[str, Span]


def render(
    source: Source,
    cuts: Cuts,
    flow: Flow,
    moments: Callable[[int], Stages],
    model: Model,
    recording: Recorder,
    *,
    loop: Loop,
    beside: AuxiliaryInputs = NO_INPUTS,
    seed: int,
    device: torch.device,
    room: TileBudget | None = None,
) -> Generator[RenderedFrame, None, None]:
    """Yield every frame of the source once it is dreamt and recorded.

    moments: the parts at the frame of that index. recording: entered by the caller, complete when
    the iterator is exhausted; where it has an earlier render's state, that one goes on. loop:
    whether the end joins the start. beside: what gives the frames their mask and guide. seed: of
    the randomness of every frame. room: how much of a picture the network may hold at once, None =
    all. Raises UserError for what the user can mend.
    """
    clip, rate = source.clip, float(source.clip.rate)
    moments, state = loop.led(moments), recording.state

    pictures = source.pictures()  # decode  (CPU); all of them, for a cut stands out among others
    flows = at_once(clip, device)
    frames = with_motion(cuts(pictures), flow, clip.rate, start=state.index,
                         at_once=flows)  # flow    (CPU)  # fmt: skip
    frames = beside(frames)  # mask and guide  (CPU)
    # they run ahead in a thread, unless the dream needs every core
    with prefetch(frames, ahead=2 if flows else 0) as ready:
        asked = time.perf_counter()
        for frame in ready:
            now, clock = moments(frame.index), [asked, time.perf_counter()]
            mask = on_device(frame, device)
            last = as_shown(state, frame, mask)
            canvas = now.warp(frame, last, now.camera, rate=rate, device=device)  # (device)
            steady = now.dreams_like(moments(max(0, frame.index - 1)))
            canvas = now.governor(canvas, rate=rate, steady=steady)
            clock.append(time.perf_counter())
            image = loop.drawn(canvas.image, frame, state.ends)
            within = None if room is None else room.within(state.room)
            gradient = Gradient(model, now.objective.of(model, frame.guide), within)
            dreamer = now.dreamer.fit(clip.height, clip.width, gradient.smallest_side)
            strength = weighed(canvas.strength, frame, mask)
            rng = _rng(seed, frame, state)
            climb = partial(dreamer, image, canvas.maturity, index=frame.index, strength=strength,
                            source=canvas.picture, memory=state.memory, rng=rng)  # fmt: skip
            dream, gradient = dreamt_within_memory(climb, gradient, image, rng)
            gradient.check(frame.index)
            image = shown(dream.image, canvas.picture, mask)
            picture = to_picture(image, clip.depth)
            clock.append(time.perf_counter())
            ends, finished = loop.taken(state.ends, image, picture, frame)
            after = state.after(frame, dream.image, dream.maturity, dream.memory, canvas.level)
            before, state = state, replace(after, ends=ends, room=gradient.bytes)
            fresh = frame.cut and not loop.overlap
            recording.add(finished, before, state, fresh=fresh)  # encode  (ffmpeg)
            clock.append(time.perf_counter())
            spans = {**frame.spans, **_spans(clock)}
            yield RenderedFrame(frame, canvas, steady, gradient, dream, image, mask, state, spans)
            asked = time.perf_counter()
    recording.finish(loop.rest(state.ends))


def _rng(seed: int, frame: Frame, state: State) -> torch.Generator:
    """Return the randomness of this frame: another one for each frame of a shot, whatever came
    before the shot.

    With the same jitter at every frame the dream would settle into a pattern that only this jitter
    sees: measured over a still picture, a gain of 2.4 for 3.1 after 150 frames, at one strength.
    """
    number = frame.index if frame.picture is None else 0 if frame.cut else state.age
    return torch.Generator().manual_seed((seed + number * 0x9E3779B1) % 2**63)


def _spans(clock: list[float]) -> dict[str, Span]:
    """When the stages of this thread were at work, from the times between them."""
    return dict(zip(("wait", "warp", "dream", "encode"), pairwise(clock), strict=True))
