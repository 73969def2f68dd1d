"""Joins the end of a render to its own start, so that it can be played round and round."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from torch import Tensor

from pipeline.camera import Camera
from pipeline.errors import UserError
from pipeline.frame import Clip, Frame, Image, LoopBuffer, Picture
from pipeline.stages import Stages

LED = 6
"""Power of the share of the beginning in what is shown of a dream that was led to it."""


def eased(x: float) -> float:
    """From 0 to 1 as x goes from 0 to 1, beginning and ending gently."""
    return x * x * (3 - 2 * x)


@dataclass(frozen=True)
class Loop:
    """Fades the last pictures into the first ones, which then need not be shown.

    Where nothing was filmed the dream itself is led there: what it is dreamt on is drawn towards
    the beginning, more each frame, and grows into it. Footage is only faded.

    overlap: frames that are shared by end and start; 0 = nothing is joined. count: frames of the
    source, None = unknown; only a dream that feeds on itself must know.
    """

    overlap: int
    count: int | None = None

    def share(self, index: int) -> float:
        """How much of the frame of that index belongs to the beginning, 0..1."""
        if self.overlap == 0 or self.count is None:
            return 0.0
        within = index - (self.count - self.overlap) + 1
        return eased(min(1.0, max(0.0, within / self.overlap)))

    def led(self, moments: Callable[[int], Stages]) -> Callable[[int], Stages]:
        """The same moments, but the camera comes to move as it did at the beginning."""

        def at(index: int) -> Stages:
            now, share = moments(index), self.share(index)
            if not share or self.count is None:
                return now
            ago = self.count - self.overlap
            early = moments(index - ago).camera
            return replace(now, camera=_Between(now.camera, early, share, ago))

        return at

    def drawn(self, image: Image, frame: Frame, ends: LoopBuffer) -> Image:
        """What to dream on: the image with what it lacks of the beginning."""
        share, before = self.share(frame.index), self.share(frame.index - 1)
        if frame.picture is not None or not share or self.count is None:
            return image
        target = ends.dreams[frame.index - (self.count - self.overlap)].to(image)
        # What was carried has its share already.
        return image.lerp(target, (share - before) / (1 - before))

    def taken(
        self, ends: LoopBuffer, dream: Image, picture: Picture, frame: Frame
    ) -> tuple[LoopBuffer, Sequence[Picture]]:
        """What to know from now on, and what can be shown, now that this dream is made.

        dream: (1, 3, H, W), and as a picture, (H, W, 3) uint8.
        """
        if self.overlap == 0:
            return ends, (picture,)
        if len(ends.start) < self.overlap:
            dreams = ends.dreams
            if frame.picture is None or frame.index == 0:
                # Half precision: finer than a picture, at half the room of the dream.
                dreams = (*dreams, dream.half().cpu())
            return LoopBuffer((*ends.start, picture), dreams), ()
        held = (*ends.held, picture)
        if len(held) <= self.overlap:
            return replace(ends, held=held), ()
        return replace(ends, held=held[1:]), held[:1]

    def rest(self, ends: LoopBuffer) -> Iterator[Picture]:
        """What is left when the source has ended: the end, fading into the beginning.

        Raises UserError if the source was too short for that.
        """
        if len(ends.held) < self.overlap:
            raise too_short(len(ends.start) + len(ends.held))
        # A dream that was led there is nearly there: faded as early, it would be a ghost longer.
        power = LED if len(ends.dreams) == self.overlap > 1 else 1
        for index, (late, early) in enumerate(zip(ends.held, ends.start, strict=True)):
            share = eased((index + 1) / self.overlap) ** power
            mixed = (1 - share) * late.astype(np.float32) + share * early
            yield np.asarray(np.rint(mixed), np.uint8)


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


def looped(clip: Clip, overlap: int) -> Clip:
    """The shape of what a loop shows of the clip. Raises UserError if it is too short."""
    if overlap == 0:
        return clip
    if clip.count is not None and clip.count < 2 * overlap:
        raise too_short(clip.count)
    count = None if clip.count is None else clip.count - overlap
    tracks = clip.tracks
    if tracks is not None:
        # The first frame that is shown is the one behind those that end and start share.
        begin = float(overlap / clip.rate)
        seconds = None if tracks.seconds is None else tracks.seconds - begin
        tracks = replace(tracks, offset=tracks.offset + begin, seconds=seconds)
    return replace(clip, count=count, tracks=tracks)


def too_short(frames: int) -> UserError:
    """The error for a source of so few frames."""
    return UserError(
        f"loop: needs an input twice as long as loop_seconds, got {frames} frames; "
        "say loop_seconds=0.5, or give a longer one"
    )
