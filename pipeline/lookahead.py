"""Two passes: the next frames are first dreamt backwards, so that what enters them has a dream.

Content that enters the frame or is uncovered has no dream layer, and takes about a second to grow
one. Backwards in time it leaves the frame or is covered, after it was visible for long and has a
mature dream. The next frames of the shot are therefore dreamt from the last one to the first. Then
they are dreamt forwards as usual, and where this pass has no layer it takes that of the first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import torch

from pipeline.anchors import NO_ANCHORS, Snapshot
from pipeline.auxiliary.inputs import AuxiliaryInputs
from pipeline.canvas import Canvas
from pipeline.cuts.none import OneShot
from pipeline.dream_size import FULL_SIZE
from pipeline.frame import Clip, Frame, Guide, Picture
from pipeline.imaging.mixing import mix_layers, smoothstep
from pipeline.seamless_loop import NO_LOOP

if TYPE_CHECKING:
    from collections.abc import Generator

    from pipeline.render import Pipeline, RenderedFrame

LONGEST, SHORTEST = 48, 8
"""Largest and smallest number of frames that are dreamt backwards at once."""
MEMORY = 1 << 30
"""Bytes that these frames should take, unless there are fewer than SHORTEST."""
LEAST_NEW = 0.002
"""Mean lack of confidence in the motion up to which a frame has no content without a dream."""
RenderFn: TypeAlias = "Callable[[Pipeline], Generator[RenderedFrame, None, None]]"
"""Pipeline -> its rendered frames."""


def look_ahead(
    frames: Iterable[Frame],
    pipeline: Pipeline,
    render: RenderFn,
    *,
    age: int,
    on_ahead: Callable[[], object] = lambda: None,
) -> Iterator[tuple[Frame, Snapshot | None]]:
    """Yield each frame with its dream from the backward pass; None if it has no use for it.

    age: number of frames of the shot before the first one. on_ahead: called after each frame that
    is dreamt backwards.

    Frames are grouped by their position in the shot, and each dream depends on later frames of its
    group only. So a render that is resumed within a group gives the same dreams.
    """
    if pipeline.passes == 1:
        yield from ((frame, None) for frame in frames)
        return
    group: list[Frame] = []
    begin, length = age, _group_length(_frame_bytes(pipeline.dream_clip, pipeline.clip))
    for frame in frames:
        age = 0 if frame.cut else age
        complete = not frame.flash and age % length == 0
        if group and (frame.cut or frame.picture is None or complete):
            yield from _dreamt(group, pipeline, render, begin, on_ahead)
            group = []
        if frame.picture is None:
            yield frame, None
            continue
        if not group:
            begin = age
        group.append(frame)
        age += not frame.flash
    yield from _dreamt(group, pipeline, render, begin, on_ahead)


@torch.no_grad()
def give(canvas: Canvas, dreamt: Snapshot | None) -> Canvas:
    """Return the canvas with the layer of the backward pass where it has none of its own."""
    if dreamt is None or not canvas.follows_picture or not canvas.visibility:
        return canvas
    earlier = dreamt.layer.float()
    layer, maturity = earlier[:, :3], earlier[:, 3:]
    known = torch.minimum(canvas.maturity, canvas.confidence)
    if canvas.given is not None:
        known = (known + canvas.given).clamp(max=1)
    missing = (1 - known) * maturity
    weight = smoothstep(missing)
    return replace(
        canvas,
        layer=mix_layers(canvas.layer, layer, weight),
        kept=torch.maximum(canvas.kept, weight),
        maturity=torch.maximum(canvas.maturity, known + missing),
    )


def group_bytes(pipeline: Pipeline) -> int:
    """Return the approximate memory of the frames that are dreamt backwards at once, in bytes."""
    size = _frame_bytes(pipeline.dream_clip, pipeline.clip)
    return size * _group_length(size)


def _frame_bytes(dream: Clip, full: Clip) -> int:
    """Return the memory of a frame with its dream. dream, full: at both of its sizes."""
    pixels = dream.height * dream.width
    # picture, motion with its confidence, and the dream in half precision
    size = pixels * (3 + 12 + 8)
    return size if dream == full else size + full.height * full.width * 3


def _group_length(frame_bytes: int) -> int:
    """Return the number of frames that are dreamt backwards at once."""
    return max(SHORTEST, min(LONGEST, MEMORY // frame_bytes))


def _dreamt(
    group: Sequence[Frame],
    pipeline: Pipeline,
    render: RenderFn,
    age: int,
    on_ahead: Callable[[], object],
) -> Iterator[tuple[Frame, Snapshot | None]]:
    """Yield the frames of a group with their dreams. age: position of the first one in the shot."""
    shown = [frame for frame in group if not frame.flash]
    needing = [k for k, frame in enumerate(shown) if _needs(frame, age + k, len(shown))]
    snapshots: dict[int, Snapshot] = {}
    if needing:
        later = shown[needing[0] :]
        needed = {shown[k].index for k in needing}
        with closing(render(_backwards(pipeline, later))) as rendered:
            for frame, one in zip(reversed(later), rendered, strict=True):
                if frame.index in needed:
                    assert frame.picture is not None
                    snapshots[frame.index] = Snapshot.of(0, frame.picture, one.canvas, one.dream)
                on_ahead()
    for frame in group:
        yield frame, snapshots.pop(frame.index, None)


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


def _backwards(pipeline: Pipeline, frames: Sequence[Frame]) -> Pipeline:
    """Return the pipeline that dreams these frames from the last one to the first."""
    in_turn = frames[::-1]
    pictures = tuple(frame.picture for frame in in_turn if frame.picture is not None)
    clip = replace(pipeline.dream_clip, count=len(pictures), tracks=None)
    return replace(
        pipeline,
        source=_Pictures(clip, pictures),
        clip=clip,
        cuts=OneShot(),
        stages_at=lambda index: pipeline.stages_at(in_turn[index].index),
        auxiliary=_Guides(guides=tuple(frame.guide for frame in in_turn)),
        loop=NO_LOOP,
        dream_size=FULL_SIZE,
        anchors=NO_ANCHORS,
        mask_bars=False,
        passes=1,
    )


@dataclass(frozen=True)
class _Pictures:
    """A source of pictures in memory."""

    clip: Clip
    given: tuple[Picture, ...]

    def pictures(self, start: int = 0) -> Iterator[Picture]:
        """Yield the pictures from index `start` on."""
        yield from self.given[start:]


@dataclass(frozen=True)
class _Guides(AuxiliaryInputs):
    """The guide of each frame, as it was read for the forward pass."""

    guides: tuple[Guide | None, ...] = ()

    def __call__(self, frames: Iterator[Frame]) -> Iterator[Frame]:
        """Return an iterator over the frames, each with its guide."""
        return (replace(f, guide=guide) for f, guide in zip(frames, self.guides, strict=False))
