"""When the stages of a frame were at work."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TypeVar

T = TypeVar("T")


class StageTimer:
    """Measures the stages of one frame after the other, in seconds of time.perf_counter."""

    def __init__(self) -> None:
        self.spans: dict[str, tuple[float, float]] = {}
        """Stage -> when it began and ended, for the newest frame."""

    @contextmanager
    def __call__(self, stage: str) -> Iterator[None]:
        """Measure what is done in the block as that stage."""
        began = time.perf_counter()
        yield
        self.spans[stage] = began, time.perf_counter()

    def waiting(self, frames: Iterable[T]) -> Iterator[T]:
        """Yield the frames; what it takes to get each is the stage "wait"."""
        remaining = iter(frames)
        while True:
            began = time.perf_counter()
            try:
                frame = next(remaining)
            except StopIteration:
                return
            self.spans = {"wait": (began, time.perf_counter())}
            yield frame
