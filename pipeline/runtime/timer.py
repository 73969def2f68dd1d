"""Timing of the stages of a frame."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TypeVar

T = TypeVar("T")


class StageTimer:
    """Measures the time of each stage, frame by frame."""

    def __init__(self) -> None:
        self.spans: dict[str, tuple[float, float]] = {}
        """Stage -> its start and end for the newest frame, in seconds of time.perf_counter."""

    @contextmanager
    def __call__(self, stage: str) -> Iterator[None]:
        """Measure the block as this stage."""
        start = time.perf_counter()
        yield
        self.spans[stage] = start, time.perf_counter()

    def waiting(self, frames: Iterable[T]) -> Iterator[T]:
        """Yield the frames; the time until each is available is the stage "wait"."""
        remaining = iter(frames)
        while True:
            start = time.perf_counter()
            try:
                frame = next(remaining)
            except StopIteration:
                return
            self.spans = {"wait": (start, time.perf_counter())}
            yield frame
