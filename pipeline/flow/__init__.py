"""Contract: where each pixel was one frame ago. One file a method."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Protocol

import torch

from pipeline.cuts import Change
from pipeline.frame import Clip, Frame, Motion, Picture

MOST, MOST_PIXELS = 8, 1 << 24
"""Flows side by side, and pixels of their pictures together: each pixel takes some 40 bytes."""


class Flow(Protocol):
    """Finds the motion between two pictures of the same size."""

    def __call__(self, current: Picture, previous: Picture) -> Motion | None:
        """The backward motion, current[y, x] was previous[y + dy, x + dx]; None = nothing moved.

        current, previous: (H, W, 3) uint8 RGB.
        """


def at_once(clip: Clip, device: torch.device) -> int:
    """How many frames' motion is best looked for side by side, where the dream is on this device.

    A CPU that dreams has no core to spare. A GPU is done with a frame before one is found: measured
    beside an H200 with 16 cores, 32 ms a flow at 640x272 and 104 at 1920x1080 became 10 and 44 with
    eight at once, each on one core; the other half is for the dream, the decoder and the encoder.
    """
    if device.type == "cpu":
        return 1
    most = min(MOST, torch.get_num_threads() // 2, MOST_PIXELS // (clip.height * clip.width))
    return max(1, most)


def with_motion(
    pictures: Iterable[tuple[Picture | None, Change]],
    flow: Flow,
    rate: Fraction,
    *,
    start: int = 0,
    at_once: int = 1,
) -> Iterator[Frame]:
    """The pictures from number `start` on as frames, each with its motion since the one before.

    Not across a cut, and not where nothing was filmed. A flash has no motion, and the frame behind
    it moves against the last one before it, for that is where the dream was left. at_once: so many
    frames' motion is looked for side by side.
    """
    with _a_core_each(at_once), ThreadPoolExecutor(at_once, "flow") as pool:
        pending: deque[Future[Frame]] = deque()
        try:
            for pair in _pairs(pictures, rate, start):
                pending.append(pool.submit(pair, flow))
                if len(pending) == at_once:
                    yield pending.popleft().result()
            while pending:
                yield pending.popleft().result()
        finally:
            pool.shutdown(cancel_futures=True)


@contextmanager
def _a_core_each(at_once: int) -> Generator[None, None, None]:
    """Several flows side by side do not fight for cores; what they find is the same."""
    import cv2  # whoever only builds a render need not wait for it

    before = cv2.getNumThreads()
    if at_once > 1:
        cv2.setNumThreads(1)
    try:
        yield
    finally:
        cv2.setNumThreads(before)


@dataclass(frozen=True)
class _Pair:
    """A frame that has yet to get its motion. previous: what it moves against; None = nothing.

    failure: what was raised instead of it, for whoever comes to it.
    """

    frame: Frame | None = None
    previous: Picture | None = None
    failure: Exception | None = None

    def __call__(self, flow: Flow) -> Frame:
        """The frame with its motion. Raises what was raised instead of it."""
        if self.failure is not None:
            raise self.failure
        assert self.frame is not None
        began, motion = time.perf_counter(), None
        if self.previous is not None and self.frame.picture is not None:
            motion = flow(self.frame.picture, self.previous)
        spans = {**self.frame.spans, "flow": (began, time.perf_counter())}
        return replace(self.frame, motion=motion, spans=spans)


def _pairs(
    pictures: Iterable[tuple[Picture | None, Change]], rate: Fraction, start: int
) -> Iterator[_Pair]:
    """The frames without their motion; last of all a failure, if there was one."""
    previous: Picture | None = None
    source = iter(pictures)
    index = 0
    while True:
        began = time.perf_counter()
        try:
            picture, change = next(source)
        except StopIteration:
            return
        except Exception as failure:
            yield _Pair(failure=failure)
            return
        if index >= start:
            frame = Frame(
                index=index,
                time=float(index / rate),
                picture=picture,
                cut=change is Change.CUT,
                flash=change is Change.FLASH,
                spans={"decode": (began, time.perf_counter())},
            )
            yield _Pair(frame, previous if change is Change.NONE else None)
        if change is not Change.FLASH:
            previous = picture
        index += 1
