"""Contract of optical flow: where each pixel was one frame ago. One file per method."""

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

from pipeline.bars import NO_BARS, find_bars
from pipeline.cuts import Change
from pipeline.frame import Clip, Frame, Motion, Picture

MAX_FLOWS, MOST_PIXELS = 8, 1 << 24
"""Maximum number of parallel flows, and of pixels of all their pictures, which take about 40 bytes
each."""


class Flow(Protocol):
    """Estimates the motion between two pictures of the same size."""

    def __call__(self, current: Picture, previous: Picture) -> Motion | None:
        """Return the backward motion: current[y, x] was previous[y + dy, x + dx].

        current, previous: (H, W, 3) uint8 RGB. None: no motion.
        """


def parallel_flows(clip: Clip, device: torch.device) -> int:
    """Return how many flows to compute in parallel with the dream, for a dream on this device.

    0: compute each flow when its frame is needed. A dream on the CPU uses all cores, and all of
    them wait if one is taken away. Measured on two cores at 640x272: in parallel with the dream a
    flow took 24 ms and the warp 16 ms, one after the other 11 and 7 ms, and a frame 4 % less in
    total. A GPU finishes a frame before the next flow is computed. Measured with an H200 and 16
    cores: 32 ms per flow at 640x272 and 104 ms at 1920x1080 became 10 and 44 ms with eight flows in
    parallel, each on one core; the other eight cores are for the dream, decoder and encoder.
    """
    if device.type == "cpu":
        return 0
    count = min(MAX_FLOWS, torch.get_num_threads() // 2, MOST_PIXELS // (clip.height * clip.width))
    return max(1, count)


def with_motion(
    pictures: Iterable[tuple[Picture | None, Change]],
    flow: Flow,
    rate: Fraction,
    *,
    start: int = 0,
    at_once: int = 0,
    reduce: Callable[[Picture], Picture] = lambda picture: picture,
    mask_bars: bool = False,
) -> Iterator[Frame]:
    """Yield the pictures from index `start` on as frames, each with the motion since the last one.

    There is no motion at a cut, in a flash or without footage. The motion of the frame after a
    flash is relative to the last frame before it, where the dream was left. rate: frames per
    second. at_once: number of flows to compute in parallel, each in a thread; 0 or 1: one after the
    other, in the calling thread. reduce: returns a picture at the size of
    the dream. mask_bars: whether frames with bars have a mask that is 0 in them.
    """
    pending_frames = _pending_frames(pictures, rate, start, reduce, mask_bars)
    if at_once < 2:
        yield from (complete(flow) for complete in pending_frames)
        return
    with _single_threaded_opencv(), ThreadPoolExecutor(at_once, "flow") as pool:
        pending: deque[Future[Frame]] = deque()
        try:
            for complete in pending_frames:
                pending.append(pool.submit(complete, flow))
                if len(pending) == at_once:
                    yield pending.popleft().result()
            while pending:
                yield pending.popleft().result()
        finally:
            pool.shutdown(cancel_futures=True)


@contextmanager
def _single_threaded_opencv() -> Generator[None, None, None]:
    """Let OpenCV use one thread per flow, so that parallel flows do not compete; same results."""
    import cv2  # not needed, and not imported, where a pipeline is only built

    thread_count = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        yield
    finally:
        cv2.setNumThreads(thread_count)


def _with_flow(frame: Frame, previous: Picture | None, flow: Flow) -> Frame:
    """Return the frame with its motion since `previous`; without motion if that is None."""
    start_time, motion = time.perf_counter(), None
    if previous is not None and frame.picture is not None:
        motion = flow(frame.picture, previous)
    return replace(
        frame, motion=motion, spans={**frame.spans, "flow": (start_time, time.perf_counter())}
    )


def _fail(failure: Exception, flow: Flow) -> Frame:
    """Raise the failure of the source, when it is the turn of the frame that it prevented."""
    raise failure


def _pending_frames(
    pictures: Iterable[tuple[Picture | None, Change]],
    rate: Fraction,
    start: int,
    reduce: Callable[[Picture], Picture],
    mask_bars: bool,
) -> Iterator[Callable[[Flow], Frame]]:
    """Yield a function for each frame that returns the frame with its motion, given the flow.

    If the source fails, the last function raises its error.
    """
    previous: Picture | None = None
    bars = NO_BARS
    source = iter(pictures)
    index = 0
    while True:
        start_time = time.perf_counter()
        try:
            full, change = next(source)
        except StopIteration:
            return
        except Exception as failure:
            yield partial(_fail, failure)
            return
        picture = None if full is None else reduce(full)
        if mask_bars and full is not None:  # from frame 0: the bars of a shot depend on its start
            bars = find_bars(full, NO_BARS if change is Change.CUT else bars)
        if index >= start:
            frame = Frame(
                index=index,
                time=float(index / rate),
                picture=picture,
                full_picture=None if picture is full else full,
                mask=None if full is None else bars.mask(*full.shape[:2]),
                cut=change is Change.CUT,
                flash=change is Change.FLASH,
                spans={"decode": (start_time, time.perf_counter())},
            )
            yield partial(_with_flow, frame, previous if change is Change.NONE else None)
        if change is not Change.FLASH:
            previous = picture
        index += 1
