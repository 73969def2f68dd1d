"""Progress of a render on the terminal and in progress.json, and Ctrl-C."""

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
"""Seconds between two lines about progress where there is no terminal."""


@contextmanager
def stop_requests() -> Iterator[list[int]]:
    """A list that is no longer empty once the user pressed Ctrl-C; a second one ends at once."""
    asked: list[int] = []

    def note(number: int, frame: FrameType | None) -> None:
        if asked:
            raise KeyboardInterrupt
        asked.append(number)
        log.info("stopping after this frame; Ctrl-C again stops at once")

    before = signal.signal(signal.SIGINT, note)
    try:
        yield asked
    finally:
        signal.signal(signal.SIGINT, before)


class _Progress:
    """A bar on a terminal, a line now and then elsewhere, and progress.json in the work folder."""

    def __init__(
        self, total: int | None, unit: str, folder: Path, done: int, bar: tqdm[Any]
    ) -> None:
        self.total, self.unit, self.folder, self.bar = total, unit, folder, bar
        self.first = self.done = done
        self.began = self.said = time.monotonic()

    def __call__(self, gain: float | None) -> None:
        """One more is done, with this gain if it was measured."""
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
    """Shows how many of `total` are done, None = unknown.

    unit: what is counted, frame say. done: by an earlier render.
    """
    with (
        logging_redirect_tqdm([logging.getLogger("pipeline")]),
        tqdm(total=total, unit=unit, initial=done, disable=None) as bar,
    ):
        try:
            yield _Progress(total, unit, folder, done, bar)
        finally:
            (folder / "progress.json").unlink(missing_ok=True)
