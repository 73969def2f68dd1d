"""Runs an iterator ahead in a thread: decoding and flow go on while the dream computes."""

from __future__ import annotations

import queue
import threading
from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(frozen=True)
class _Failure:
    error: BaseException


class _End:
    """What comes after the last item."""


@contextmanager
def prefetch(items: Iterable[T], ahead: int = 2) -> Generator[Iterator[T], None, None]:
    """The same items in the same order, each made up to `ahead` items before it is asked for, in a
    thread; 0 = without one, when it is asked for.

    An error among them is raised where it would have been without a thread. However the block is
    left, the thread has stopped and the iterable is closed afterwards.
    """
    if not ahead:
        own = iter(items)
        try:
            yield own
        finally:
            _close(own)
        return
    worker = _Worker(items, ahead)
    worker.thread.start()
    try:
        yield worker.received()
    finally:
        worker.stop()


class _Worker(Generic[T]):
    """The thread and the queue between it and the reader."""

    def __init__(self, items: Iterable[T], ahead: int) -> None:
        self.items = iter(items)
        self.queue: queue.Queue[T | _Failure | _End] = queue.Queue(maxsize=ahead)
        self.stopping = threading.Event()
        self.thread = threading.Thread(target=self.run, name="prefetch", daemon=True)

    def run(self) -> None:
        try:
            for item in self.items:
                if not self.hand_over(item):
                    break
            else:
                self.hand_over(_End())
        except BaseException as error:
            self.hand_over(_Failure(error))
        finally:
            _close(self.items)

    def hand_over(self, item: T | _Failure | _End) -> bool:
        """Return whether the item found a place before the reader lost interest."""
        while not self.stopping.is_set():
            try:
                self.queue.put(item, timeout=0.1)
            except queue.Full:
                continue
            return True
        return False

    def received(self) -> Iterator[T]:
        while not isinstance(item := self.queue.get(), _End):
            if isinstance(item, _Failure):
                raise item.error
            yield item

    def stop(self) -> None:
        self.stopping.set()
        self.thread.join()


def _close(items: Iterator[object]) -> None:
    """Let go of what they are made of, if they know how."""
    close = getattr(items, "close", None)
    if close is not None:
        close()
