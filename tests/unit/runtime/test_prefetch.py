"""pipeline.runtime.prefetch: a thread runs ahead and nobody can tell, but by the clock."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator

import pytest

from pipeline.runtime.prefetch import prefetch

PATIENCE = 10.0
"""Seconds after which a thread that should have got there hangs."""


class Counting:
    """An endless iterator that knows how far it got, in which thread, and whether it was closed."""

    def __init__(self) -> None:
        self.made = 0
        self.closed = threading.Event()
        self.threads: set[str] = set()

    def __iter__(self) -> Iterator[int]:
        try:
            while True:
                self.threads.add(threading.current_thread().name)
                self.made += 1
                yield self.made - 1
        finally:
            self.closed.set()


def workers() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "prefetch"]


def wait_until(true: Callable[[], bool]) -> None:
    until = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < until, "it never came"
        time.sleep(0.005)


def test_items_arrive_in_order_and_once() -> None:
    with prefetch(iter(range(100)), ahead=3) as items:
        assert list(items) == list(range(100))
    assert not workers()


def test_nothing_arrives_of_nothing() -> None:
    with prefetch([]) as items:
        assert list(items) == []
    assert not workers()


def test_none_is_an_item_like_any_other() -> None:
    with prefetch([None, None]) as items:
        assert list(items) == [None, None]


def test_it_runs_ahead_in_another_thread_but_not_further_than_asked() -> None:
    source = Counting()
    with prefetch(source, ahead=2) as items:
        assert next(items) == 0
        # One was taken, two wait, and one is held until there is room.
        wait_until(lambda: source.made == 4)
        time.sleep(0.25)  # longer than the thread waits for room before it looks up
        assert source.made == 4
        assert next(items) == 1
        wait_until(lambda: source.made == 5)
    assert source.threads == {"prefetch"}


@pytest.mark.parametrize("ahead", [0, 2])
def test_an_error_arrives_behind_the_items_before_it(ahead: int) -> None:
    def failing() -> Iterator[int]:
        yield 1
        yield 2
        raise LookupError("the third is broken")

    with prefetch(failing(), ahead) as items:
        assert [next(items), next(items)] == [1, 2]
        with pytest.raises(LookupError, match="the third is broken"):
            next(items)
    assert not workers()


def test_who_leaves_early_leaves_no_thread_and_no_open_source() -> None:
    source = Counting()
    with prefetch(source) as items:
        assert next(items) == 0
    assert source.closed.is_set()
    assert not workers()


@pytest.mark.parametrize("ahead", [0, 2])
def test_an_error_of_the_reader_ends_the_thread_and_is_not_hidden(ahead: int) -> None:
    source = Counting()

    def reader() -> None:
        with prefetch(source, ahead) as items:
            next(items)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        reader()
    assert source.closed.is_set()
    assert not workers()


def test_who_never_asks_can_still_leave() -> None:
    source = Counting()
    with prefetch(source):
        wait_until(lambda: source.made > 0)
    assert source.closed.is_set()
    assert not workers()


def test_with_none_ahead_each_is_made_when_it_is_asked_for_without_a_thread() -> None:
    source = Counting()
    with prefetch(source, ahead=0) as items:
        assert not workers()
        assert source.made == 0
        assert [next(items), next(items)] == [0, 1]
        assert source.made == 2
    assert source.threads == {threading.current_thread().name}
    assert source.closed.is_set()
    with prefetch([1, 2], ahead=0) as items:
        assert list(items) == [1, 2]


def test_an_exhausted_source_is_closed_in_the_thread_that_ran_it() -> None:
    where = []

    def short() -> Iterator[int]:
        try:
            yield 1
        finally:
            where.append(threading.current_thread().name)

    with prefetch(short()) as items:
        assert list(items) == [1]
    assert where == ["prefetch"]
