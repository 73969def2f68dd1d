"""Progress of a render, on the terminal and in progress.json, and stopping it with Ctrl-C."""

from __future__ import annotations

import json
import logging
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

from tqdm import tqdm
from tqdm.contrib.logging import logging_redirect_tqdm

from pipeline.storage.work_dir import write_text

log = logging.getLogger(__name__)

LINE_SECONDS = 10.0
"""Seconds between updates of progress.json and, if there is no terminal, between log lines."""


@contextmanager
def stop_requests() -> Iterator[list[int]]:
    """Provide a list that is not empty once the user has pressed Ctrl-C.

    The second Ctrl-C raises KeyboardInterrupt.
    """
    requests: list[int] = []

    def request_stop(number: int, frame: FrameType | None) -> None:
        if requests:
            raise KeyboardInterrupt
        requests.append(number)
        log.info("stopping after this frame; Ctrl-C again stops at once")

    previous_handler = signal.signal(signal.SIGINT, request_stop)
    try:
        yield requests
    finally:
        signal.signal(signal.SIGINT, previous_handler)


class _Progress:
    """A progress bar on a terminal, log lines elsewhere, and progress.json in the work folder."""

    def __init__(
        self, total: int | None, unit: str, folder: Path, done: int, bar: tqdm[Any]
    ) -> None:
        self.total, self.unit, self.folder, self.bar = total, unit, folder, bar
        self.first = self.done = done
        self.began = self.said = time.monotonic()

    def __call__(self, gain: float | None) -> None:
        """Count one more unit as done, with its gain if it was measured."""
        self.done += 1
        done, now, unit = self.done, time.monotonic(), self.unit
        postfix = "" if gain is None else f"gain {gain:.2f}"
        self.bar.set_postfix_str(postfix, refresh=False)
        self.bar.update()
        if now - self.said < LINE_SECONDS and done > self.first + 1:
            return
        self.said = now
        seconds = (now - self.began) / (done - self.first)
        left = None if self.total is None else max(0, self.total - done) * seconds
        write_text(
            self.folder / "progress.json",
            json.dumps(
                {
                    "done": done,
                    f"{unit}s": self.total,
                    f"seconds_per_{unit}": round(seconds, 4),
                    "seconds_left": None if left is None else round(left, 1),
                    "gain": gain,
                },
            )
            + "\n",
        )
        if self.bar.disable:
            total = "" if self.total is None else f" of {self.total}"
            ends = "" if left is None else f", {left:.0f} s left"
            gained = f", {postfix}" if postfix else ""
            log.info("%s %d%s, %.2f s a %s%s%s", unit, done, total, seconds, unit, ends, gained)


@contextmanager
def progress_bar(total: int | None, unit: str, folder: Path, done: int = 0) -> Iterator[_Progress]:
    """Show how many of `total` units are done. total: None if unknown.

    unit: what is counted, such as "frame". folder: the work folder. done: number of units that an
    earlier run has finished.
    """
    with (
        logging_redirect_tqdm([logging.getLogger("pipeline")]),
        tqdm(total=total, unit=unit, initial=done, disable=None) as bar,
    ):
        try:
            yield _Progress(total, unit, folder, done, bar)
        finally:
            (folder / "progress.json").unlink(missing_ok=True)
