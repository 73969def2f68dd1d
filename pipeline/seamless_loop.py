"""Seamless loop: the end of a render fades into its start, so that it can be played endlessly."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np
from torch import Tensor

from pipeline.camera import Camera
from pipeline.canvas import Canvas
from pipeline.errors import UserError
from pipeline.frame import Clip, Frame, Image, Picture
from pipeline.recording.recorder import Recorder
from pipeline.schedule import smooth
from pipeline.stages import Stages
from pipeline.state import LoopBuffer, State

FADE_POWER = 6
"""Exponent of the start's weight in the cross-fade, for a dream that was pulled to the start."""


@dataclass(frozen=True)
class SeamlessLoop:
    """Cross-fades the last pictures into the first ones, which are left out of the output.

    Without footage the dream itself is pulled to the start as well: its canvas is blended with the
    dream of the start, more in each frame, so that it grows into it. Footage is only cross-faded.
    """

    overlap: int
    """Number of frames that end and start share; 0: no loop."""
    count: int | None = None
    """Number of frames of the source. None: unknown; only a dream without footage needs it."""

    def share(self, index: int) -> float:
        """Return the weight of the start in the canvas of the frame at this index, 0..1."""
        if self.overlap == 0 or self.count is None:
            return 0.0
        elapsed = index - (self.count - self.overlap) + 1
        return smooth(min(1.0, max(0.0, elapsed / self.overlap)))

    def clip(self, clip: Clip) -> Clip:
        """Return the clip of the output. Raises UserError if the source's clip is too short."""
        if self.overlap == 0:
            return clip
        if clip.count is not None and clip.count < 2 * self.overlap:
            raise _too_short(clip.count, clip.rate)
        count = None if clip.count is None else clip.count - self.overlap
        tracks = clip.tracks
        if tracks is not None:
            # The output starts after the frames that end and start share.
            skipped = float(self.overlap / clip.rate)
            skipped *= tracks.tempo  # in seconds of the file
            seconds = None if tracks.seconds is None else tracks.seconds - skipped
            tracks = replace(tracks, offset=tracks.offset + skipped, seconds=seconds)
        return replace(clip, count=count, tracks=tracks)

    def blend_camera(self, stages_at: Callable[[int], Stages]) -> Callable[[int], Stages]:
        """Return the same stages with a camera whose moves at the end become those of the start."""

        def blended(index: int) -> Stages:
            stages, share = stages_at(index), self.share(index)
            if not share or self.count is None:
                return stages
            ago = self.count - self.overlap
            early = stages_at(index - ago).camera
            return replace(stages, camera=_Between(stages.camera, early, share, ago))

        return blended

    def pull(self, canvas: Canvas, state: State) -> Canvas:
        """Return the canvas blended with the dream of the start, for a dream without footage."""
        index = canvas.index
        share, before = self.share(index), self.share(index - 1)
        if canvas.picture is not None or not share or self.count is None:
            return canvas
        target = state.ends.dreams[index - (self.count - self.overlap)].to(canvas.layer)
        # The carried layer has the previous frame's share already.
        return replace(canvas, layer=canvas.layer.lerp(target, (share - before) / (1 - before)))

    def keep(self, state: State, frame: Frame, image: Image, picture: Picture) -> State:
        """Return the state with the pictures and dreams that the loop needs later.

        image: the dream as shown in the output, (1, 3, H, W). picture: the same, (H, W, 3) uint8.
        """
        ends = state.ends
        if self.overlap == 0:
            return state
        if len(ends.start) == self.overlap:
            held = (*ends.held, picture)[-self.overlap :]
            return replace(state, ends=replace(ends, held=held))
        dreams = ends.dreams
        if frame.picture is None or frame.index == 0:
            # Half precision: finer than 8 bits, at half the memory of the dream.
            dreams = (*dreams, image.half().cpu())
        return replace(state, ends=LoopBuffer((*ends.start, picture), dreams))

    def record(self, recorder: Recorder) -> Recorder:
        """Return a recorder that passes the pictures of the loop to this one."""
        return _LoopRecorder(recorder, self) if self.overlap else recorder

    def rest(self, ends: LoopBuffer) -> Iterator[Picture]:
        """Yield the last pictures of the output: the end, cross-faded into the start.

        Raises UserError if the source was too short.
        """
        if len(ends.held) < self.overlap:
            raise _too_short(len(ends.start) + len(ends.held))
        # A dream that was pulled to the start almost shows it: an early fade would only show a
        # double image for longer.
        power = FADE_POWER if len(ends.dreams) == self.overlap > 1 else 1
        for index, (late, early) in enumerate(zip(ends.held, ends.start, strict=True)):
            share = smooth((index + 1) / self.overlap) ** power
            blend = (1 - share) * late.astype(np.float32) + share * early
            yield np.asarray(np.rint(blend), np.uint8)


NO_LOOP = SeamlessLoop(0)
"""No loop."""


class _LoopRecorder:
    """A Recorder that holds back the last pictures and leaves out those that they fade into."""

    def __init__(self, recorder: Recorder, loop: SeamlessLoop) -> None:
        self.state = recorder.state
        self._recorder, self._loop = recorder, loop

    def add(
        self, pictures: Sequence[Picture], before: State, state: State, *, starts_shot: bool = False
    ) -> None:
        """Record a frame with the oldest picture held back, once there are `overlap` of them."""
        full = len(before.ends.held) == self._loop.overlap
        self._recorder.add(before.ends.held[:1] if full else (), before, state)
        self.state = state

    def finish(self, rest: Iterable[Picture] = ()) -> None:
        """Complete the output with the end, cross-faded into the start."""
        self._recorder.finish(self._loop.rest(self.state.ends))


@dataclass(frozen=True)
class _Between:
    """A camera in transition from one move to another, which was made `ago` frames earlier."""

    late: Camera
    early: Camera
    share: float
    ago: int

    def __call__(self, positions: Tensor, time: float, rate: float) -> Tensor:
        late = self.late(positions, time, rate)
        return late.lerp(self.early(positions, time - self.ago / rate, rate), self.share)


def _too_short(frames: int, rate: Fraction | None = None) -> UserError:
    """Return the error for a source with too few frames for the loop.

    rate: frames per second. None: unknown, so no value is suggested.
    """
    fix = "set a smaller loop_seconds, or loop=false"
    if rate is not None:
        # rounded down, so that the overlap is at most half of the frames
        seconds = math.floor(1000 * (frames // 2) / rate) / 1000
        fix = f"set loop_seconds={seconds:g}, or loop=false" if seconds else "set loop=false"
    return UserError(
        f"loop: must have at least twice as many frames as in loop_seconds, got {frames}; {fix}"
    )
