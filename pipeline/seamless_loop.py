"""Joins the end of a render to its own start, so that it can be played round and round."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

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
"""Of the share of the beginning in what is shown of a dream that was pulled to it."""


@dataclass(frozen=True)
class SeamlessLoop:
    """Fades the last pictures into the first ones, which then need not be shown.

    Where nothing was filmed the dream itself is pulled there: what it is dreamt on comes to be the
    beginning, more each frame, and grows into it. Footage is only faded.
    """

    overlap: int
    """Frames that are shared by end and start; 0 = nothing is joined."""
    count: int | None = None
    """Frames of the source, None = unknown; only a dream that feeds on itself must know."""

    def share(self, index: int) -> float:
        """Return how much of the frame of that index belongs to the beginning, 0..1."""
        if self.overlap == 0 or self.count is None:
            return 0.0
        within = index - (self.count - self.overlap) + 1
        return smooth(min(1.0, max(0.0, within / self.overlap)))

    def clip(self, clip: Clip) -> Clip:
        """Return the shape of what is shown of the clip. Raises UserError if it is too short."""
        if self.overlap == 0:
            return clip
        if clip.count is not None and clip.count < 2 * self.overlap:
            raise _too_short(clip.count)
        count = None if clip.count is None else clip.count - self.overlap
        tracks = clip.tracks
        if tracks is not None:
            # The first frame that is shown is the one behind those that end and start share.
            begin = float(self.overlap / clip.rate)
            seconds = None if tracks.seconds is None else tracks.seconds - begin
            tracks = replace(tracks, offset=tracks.offset + begin, seconds=seconds)
        return replace(clip, count=count, tracks=tracks)

    def blend_camera(self, stages_at: Callable[[int], Stages]) -> Callable[[int], Stages]:
        """Return the same stages, but the camera comes to move as it did at the beginning."""

        def blended(index: int) -> Stages:
            stages, share = stages_at(index), self.share(index)
            if not share or self.count is None:
                return stages
            ago = self.count - self.overlap
            early = stages_at(index - ago).camera
            return replace(stages, camera=_Between(stages.camera, early, share, ago))

        return blended

    def pull(self, canvas: Canvas, state: State) -> Canvas:
        """Return the canvas with what it lacks of the beginning."""
        index = canvas.index
        share, before = self.share(index), self.share(index - 1)
        if canvas.picture is not None or not share or self.count is None:
            return canvas
        target = state.ends.dreams[index - (self.count - self.overlap)].to(canvas.layer)
        # What was carried has its share already.
        return replace(canvas, layer=canvas.layer.lerp(target, (share - before) / (1 - before)))

    def keep(self, state: State, frame: Frame, image: Image, picture: Picture) -> State:
        """Return the state with what the loop must find again of this frame.

        image: what is seen of the dream, (1, 3, H, W). picture: the same, (H, W, 3) uint8.
        """
        ends = state.ends
        if self.overlap == 0:
            return state
        if len(ends.start) == self.overlap:
            held = (*ends.held, picture)[-self.overlap :]
            return replace(state, ends=replace(ends, held=held))
        dreams = ends.dreams
        if frame.picture is None or frame.index == 0:
            # Half precision: finer than a picture, at half the room of the dream.
            dreams = (*dreams, image.half().cpu())
        return replace(state, ends=LoopBuffer((*ends.start, picture), dreams))

    def record(self, recorder: Recorder) -> Recorder:
        """Return a recorder that hands over to this one what the loop shows."""
        return _LoopRecorder(recorder, self) if self.overlap else recorder

    def rest(self, ends: LoopBuffer) -> Iterator[Picture]:
        """Yield what is left when the source has ended: the end, fading into the beginning.

        Raises UserError if the source was too short for that.
        """
        if len(ends.held) < self.overlap:
            raise _too_short(len(ends.start) + len(ends.held))
        # A dream that was pulled there is nearly there: faded as early, it would be a ghost longer.
        power = FADE_POWER if len(ends.dreams) == self.overlap > 1 else 1
        for index, (late, early) in enumerate(zip(ends.held, ends.start, strict=True)):
            share = smooth((index + 1) / self.overlap) ** power
            mixed = (1 - share) * late.astype(np.float32) + share * early
            yield np.asarray(np.rint(mixed), np.uint8)


NO_LOOP = SeamlessLoop(0)
"""The end joins nothing."""


class _LoopRecorder:
    """A Recorder that holds back what may be the end, and leaves out what the end fades into."""

    def __init__(self, recorder: Recorder, loop: SeamlessLoop) -> None:
        self.state = recorder.state
        self._recorder, self._loop = recorder, loop

    def add(
        self, pictures: Sequence[Picture], before: State, state: State, *, starts_shot: bool = False
    ) -> None:
        """Record a frame; of its pictures and those held back, what can be shown by now."""
        full = len(before.ends.held) == self._loop.overlap
        self._recorder.add(before.ends.held[:1] if full else (), before, state)
        self.state = state

    def finish(self, rest: Iterable[Picture] = ()) -> None:
        """Complete the output with the end, fading into the beginning."""
        self._recorder.finish(self._loop.rest(self.state.ends))


@dataclass(frozen=True)
class _Between:
    """A camera on its way from one move to another, which was made `ago` frames earlier."""

    late: Camera
    early: Camera
    share: float
    ago: int

    def __call__(self, positions: Tensor, time: float, rate: float) -> Tensor:
        late = self.late(positions, time, rate)
        return late.lerp(self.early(positions, time - self.ago / rate, rate), self.share)


def _too_short(frames: int) -> UserError:
    """Return the error for a source of so few frames."""
    return UserError(
        f"loop: needs an input twice as long as loop_seconds, got {frames} frames; "
        "set loop_seconds=0.5, or give a longer one"
    )
