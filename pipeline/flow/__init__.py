"""Contract: where each pixel was one frame ago. One file a method."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from fractions import Fraction
from functools import partial
from typing import Protocol

import torch

from pipeline.cuts import Change
from pipeline.frame import Clip, Frame, Motion, Picture

MOST, MOST_PIXELS = 8, 1 << 24
"""Flows side by side, and pixels of their pictures together: each pixel takes some 40 bytes."""


class Flow(Protocol):
    """Finds the motion between two pictures of the same size."""

    def __call__(self, current: Picture, previous: Picture) -> Motion | None:
        """Return the backward motion, current[y, x] was previous[y + dy, x + dx]; None = nothing
        moved.

        current, previous: (H, W, 3) uint8 RGB.
        """


def parallel_flows(clip: Clip, device: torch.device) -> int:
    """Return how many frames' motion is best found in parallel with the dream, if that is on this
    device; 0 = none, but when it is asked for.

    A CPU that dreams has no core to spare: all wait for the one that is taken away. Measured on two
    cores at 640x272, a flow beside the dream took 24 ms and carrying it along 16, in turn 11 and 7;
    a whole frame 4 % less. A GPU is done with a frame before one is found: measured beside an H200
    with 16 cores, 32 ms a flow at 640x272 and 104 at 1920x1080 became 10 and 44 with eight at once,
    each on one core; the other half is for the dream, the decoder and the encoder.
    """
    if device.type == "cpu":
        return 0
    most = min(MOST, torch.get_num_threads() // 2, MOST_PIXELS // (clip.height * clip.width))
    return max(1, most)


def with_motion(
    pictures: Iterable[tuple[Picture | None, Change]],
    flow: Flow,
    rate: Fraction,
    *,
    start: int = 0,
    at_once: int = 0,
) -> Iterator[Frame]:
    """Yield the pictures from number `start` on as frames, each with its motion since the one
    before.

    Not across a cut, and not where nothing was filmed. A flash has no motion, and the frame behind
    it moves against the last one before it, for that is where the dream was left. at_once: so many
    frames' motion is looked for side by side, each in a thread; 0 or 1 = in turn, in this one.
    """
    if at_once < 2:
        yield from (whole(flow) for whole in _unmoved(pictures, rate, start))
        return
    with _a_core_each(), ThreadPoolExecutor(at_once, "flow") as pool:
        pending: deque[Future[Frame]] = deque()
        try:
            for whole in _unmoved(pictures, rate, start):
                pending.append(pool.submit(whole, flow))
                if len(pending) == at_once:
                    yield pending.popleft().result()
            while pending:
                yield pending.popleft().result()
        finally:
            pool.shutdown(cancel_futures=True)


@contextmanager
def _a_core_each() -> Generator[None, None, None]:
    """Several flows side by side do not fight for cores; what they find is the same."""
    import cv2  # whoever only builds a render need not wait for it

    before = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        yield
    finally:
        cv2.setNumThreads(before)


def _moved(frame: Frame, previous: Picture | None, flow: Flow) -> Frame:
    """Return the frame with its motion against that picture; None = it has none."""
    began, motion = time.perf_counter(), None
    if previous is not None and frame.picture is not None:
        motion = flow(frame.picture, previous)
    return replace(
        frame, motion=motion, spans={**frame.spans, "flow": (began, time.perf_counter())}
    )


def _raised(failure: Exception, flow: Flow) -> Frame:
    """Raises that."""
    raise failure


def _unmoved(
    pictures: Iterable[tuple[Picture | None, Change]], rate: Fraction, start: int
) -> Iterator[Callable[[Flow], Frame]]:
    """Yield a function for each frame that completes it with the flow; last of all one that raises
    the failure of the source, if there was one.
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
        except Exception as failure:
            yield partial(_raised, failure)
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
            yield partial(_moved, frame, previous if change is Change.NONE else None)
        if change is not Change.FLASH:
            previous = picture
        index += 1
