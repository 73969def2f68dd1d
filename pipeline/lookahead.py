"""Two passes: the next frames are first dreamt backwards, so that what enters them has a dream.

Content that enters the frame or is uncovered has no dream layer, and takes about a second to grow
one. Backwards in time it leaves the frame or is covered, after it was visible for long and has a
mature dream. The next frames of the shot are therefore dreamt from the last one to the first. Then
they are dreamt forwards as usual, and where this pass has no layer it takes that of the first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
import torch

from pipeline.anchors import Snapshot
from pipeline.auxiliary.inputs import AuxiliaryInputs
from pipeline.canvas import Canvas
from pipeline.frame import Clip, Frame, Picture
from pipeline.imaging.mixing import smoothstep

LONGEST, SHORTEST = 48, 8
"""Largest and smallest number of frames that are dreamt backwards at once."""
MEMORY = 1 << 30
"""Bytes that these frames should take, unless there are fewer than SHORTEST."""
OTHER_DREAM = 0.15
"""Weight of the backward pass where a dream was given back, which the viewer has seen before."""
LEAST_NEW = 0.002
"""Mean lack of confidence in the motion up to which a frame has no content without a dream."""
BackwardsFn: TypeAlias = Callable[[Sequence[Frame]], Sequence[Snapshot]]
"""Frames in their order -> the dream of each, from the last frame to the first."""


def look_ahead(
    frames: Iterable[Frame], length: int, dream_backwards: BackwardsFn, *, age: int
) -> Iterator[tuple[Frame, Snapshot | None]]:
    """Yield each frame with its dream from the backward pass; None if it has no use for it.

    length: number of frames that are dreamt backwards at once; 0: none. age: number of frames of
    the shot before the first one.

    Frames are grouped by their position in the shot, and each dream depends on later frames of its
    group only. So a render that is resumed within a group gives the same dreams.
    """
    if not length:
        yield from ((frame, None) for frame in frames)
        return
    group: list[Frame] = []
    begin = age
    for frame in frames:
        age = 0 if frame.cut else age
        complete = not frame.flash and age % length == 0
        if group and (frame.cut or frame.picture is None or complete):
            yield from _dreamt(group, begin, dream_backwards)
            group = []
        if frame.picture is None:
            yield frame, None
            continue
        if not group:
            begin = age
        group.append(frame)
        age += not frame.flash
    yield from _dreamt(group, begin, dream_backwards)


@torch.no_grad()
def give(canvas: Canvas, dreamt: Snapshot | None) -> Canvas:
    """Return the canvas with the layer of the backward pass where it has none of its own."""
    if dreamt is None or not canvas.accepts_layers:
        return canvas
    earlier = dreamt.layer.float()
    layer, maturity = earlier[:, :3], earlier[:, 3:]
    known = torch.minimum(canvas.maturity, canvas.confidence)
    if canvas.given is not None:
        rest = (1 - known - canvas.given).clamp(min=0)
        given = canvas.given / (canvas.given + OTHER_DREAM * rest).clamp(min=1e-6)
        known = known + (1 - known) * given
    missing = (1 - known) * maturity
    weight = smoothstep(missing)
    return replace(
        canvas.mixed_with(layer, weight),
        kept=torch.maximum(canvas.kept, weight),
        maturity=torch.maximum(canvas.maturity, known + missing),
    )


def group_length(frame_size: int) -> int:
    """Return how many frames are dreamt backwards at once. frame_size: of each, in bytes."""
    return max(SHORTEST, min(LONGEST, MEMORY // frame_size))


def frame_bytes(dream: Clip, full: Clip, *, is_masked: bool) -> int:
    """Return the memory of a frame with its dream. dream, full: its size there and in the output.

    is_masked: whether it may have a mask of its own.
    """
    pixels, full_pixels = (clip.height * clip.width for clip in (dream, full))
    # picture, motion with its confidence, and the dream in half precision
    size = pixels * (3 + 12 + 8) + (4 * full_pixels if is_masked else 0)
    return size if pixels == full_pixels else size + 3 * full_pixels


def _dreamt(
    group: Sequence[Frame], age: int, dream_backwards: BackwardsFn
) -> Iterator[tuple[Frame, Snapshot | None]]:
    """Yield the frames of a group with their dreams. age: position of the first one in the shot."""
    shown = [frame for frame in group if not frame.flash]
    needing = [k for k, frame in enumerate(shown) if _needs(frame, age + k, len(shown))]
    dreams: dict[int, Snapshot] = {}
    if needing:
        later, needed = shown[needing[0] :], {shown[k].index for k in needing}
        backwards = zip(reversed(later), dream_backwards(later), strict=True)
        dreams = {frame.index: dream for frame, dream in backwards if frame.index in needed}
    for frame in group:
        yield frame, dreams.pop(frame.index, None)


def _needs(frame: Frame, age: int, count: int) -> bool:
    """Return whether a frame has content without a dream.

    age: its position in the shot. count: number of frames of its group; a single picture is dreamt
    once only.
    """
    if age == 0:
        return count > 1
    if frame.motion is None:
        return False
    return float(1 - np.mean(frame.motion.confidence)) > LEAST_NEW


@dataclass(frozen=True)
class GivenPictures:
    """A source of pictures in memory."""

    clip: Clip
    """Size, rate and length of the pictures."""
    given: tuple[Picture, ...]
    """The pictures, (H, W, 3)."""

    def pictures(self, start: int = 0) -> Iterator[Picture]:
        """Yield the pictures from index `start` on."""
        yield from self.given[start:]


@dataclass(frozen=True)
class GivenFrames(AuxiliaryInputs):
    """The guides of frames in memory, and no mask; frames have the index of the given ones."""

    frames: Sequence[Frame] = ()
    """The frames, in the order in which they are dreamt."""

    def __call__(self, frames: Iterator[Frame]) -> Iterator[Frame]:
        """Return an iterator over the frames, each with the index and the guide of a given one."""
        for frame, given in zip(frames, self.frames, strict=False):
            yield replace(frame, index=given.index, guide=given.guide)
