"""Contract: where each pixel was one frame ago. One file a method."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from fractions import Fraction
from typing import Protocol

from pipeline.cuts import Change
from pipeline.frame import Frame, Motion, Picture


class Flow(Protocol):
    """Finds the motion between two pictures of the same size."""

    def __call__(self, current: Picture, previous: Picture) -> Motion | None:
        """The backward motion, current[y, x] was previous[y + dy, x + dx]; None = nothing moved.

        current, previous: (H, W, 3) uint8 RGB.
        """


def with_motion(
    pictures: Iterable[tuple[Picture | None, Change]],
    flow: Flow,
    rate: Fraction,
    *,
    start: int = 0,
) -> Iterator[Frame]:
    """The pictures from number `start` on as frames, each with its motion since the one before.

    Not across a cut, and not where nothing was filmed. A flash has no motion, and the frame behind
    it moves against the last one before it, for that is where the dream was left.
    """
    previous: Picture | None = None
    source = iter(pictures)
    index = 0
    while True:
        began = time.perf_counter()
        try:
            picture, change = next(source)
        except StopIteration:
            return
        decoded = time.perf_counter()
        if index >= start:
            motion = None
            if previous is not None and picture is not None and change is Change.NONE:
                motion = flow(picture, previous)
            yield Frame(
                index=index,
                time=float(index / rate),
                picture=picture,
                motion=motion,
                cut=change is Change.CUT,
                flash=change is Change.FLASH,
                spans={"decode": (began, decoded), "flow": (decoded, time.perf_counter())},
            )
        if change is not Change.FLASH:
            previous = picture
        index += 1
