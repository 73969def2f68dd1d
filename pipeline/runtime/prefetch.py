"""Prefetching: an iterator runs ahead in a thread, for decoding and flow during the dream."""

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
    """Marks the end of the items in the queue."""


@contextmanager
def prefetch(items: Iterable[T], ahead: int = 2) -> Generator[Iterator[T], None, None]:
    """Provide an iterator over the items, which are computed ahead of their use in a thread.

    ahead: maximum number of items waiting to be used; 0: no thread, each item is computed when it
    is used. An error is raised in place of the item that it prevented. When the block is left, even
    by an exception, the thread is stopped and the iterator closed.
    """
    if not ahead:
        iterator = iter(items)
        try:
            yield iterator
        finally:
            _close(iterator)
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
        """Put the item into the queue; return False if the reader has stopped instead."""
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
    """Close the iterator if it is a generator or has a `close` method."""
    close = getattr(items, "close", None)
    if close is not None:
        close()
