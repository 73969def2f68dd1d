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

WRITE_SECONDS = 10.0
"""Seconds between updates of progress.json, and shortest time between two log lines."""
LOG_SHARE, MAX_LOG_SECONDS = 0.1, 300.0
"""Time between two log lines, as a share of the time so far, and at most, in seconds."""


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
    """A progress bar on a terminal, log lines elsewhere, and progress.json in the work folder.

    The first unit takes several times as long as the others, so estimates start from the second.
    If there is a pass over the next units before, its units count too.
    """

    def __init__(
        self, total: int | None, unit: str, folder: Path, done: int, bar: tqdm[Any]
    ) -> None:
        self.total, self.unit, self.folder, self.bar = total, unit, folder, bar
        self.first = self.done = done
        self.done_ahead = 0
        self.start = self.measured_from = self.written = self.logged = time.monotonic()

    def ahead(self) -> None:
        """Count one more unit of a first pass over the units, which takes about as long."""
        self.done_ahead += 1
        # the bar's own estimate counts the units of the second pass only
        self.bar.bar_format = "{l_bar}{bar}| {n_fmt}/{total_fmt} [{elapsed}{postfix}]"
        self._tell(None, is_due=False)
        self.bar.refresh()

    def __call__(self, gain: float | None) -> None:
        """Count one more unit as done, with its gain if it was measured."""
        self.done += 1
        self._tell(gain, is_due=self.done - self.first <= 2)
        self.bar.update()
        if self.done - self.first == 1:
            self.bar.start_t, self.bar.initial = time.time(), self.bar.n
            self.measured_from = time.monotonic()

    def _tell(self, gain: float | None, *, is_due: bool) -> None:
        """Show the progress; write and log it too if it is due or was not for a while."""
        now, count = time.monotonic(), self.done - self.first
        seconds, left = self._estimate(now, count)
        words = [] if gain is None else [f"gain {gain:.2f}"]
        if self.done_ahead:
            words = [f"{self.done_ahead} dreamt ahead", *words]
            words += [] if left is None else [f"{clock(left)} left"]
        self.bar.set_postfix_str(", ".join(words), refresh=False)
        if is_due or now - self.written >= WRITE_SECONDS:
            self.written = now
            self._write(seconds, left, gain)
        pause = min(MAX_LOG_SECONDS, max(WRITE_SECONDS, (now - self.start) * LOG_SHARE))
        if is_due or now - self.logged >= pause:
            self.logged = now
            self._log(seconds, left, gain)

    def _estimate(self, now: float, count: int) -> tuple[float, float | None]:
        """Return the seconds per unit, and those until the end, None if unknown.

        count: number of units done in this run.
        """
        remaining = 0.0 if self.total is None else max(0, self.total - self.done)
        if self.done_ahead:  # a unit of either pass takes about as long
            begun = max(count, self.done_ahead)
            share = self.done_ahead / begun
            seconds = (now - self.start) / (count + self.done_ahead) * (1 + share)
            remaining -= share / (1 + share) * (begun - count)
        elif count < 2:
            return now - self.start, None
        else:
            seconds = (now - self.measured_from) / (count - 1)
        return seconds, None if self.total is None else max(0, remaining) * seconds

    def _write(self, seconds: float, left: float | None, gain: float | None) -> None:
        """Write progress.json. seconds: per unit. left: seconds until the end, None if unknown."""
        facts = {
            "done": self.done,
            f"{self.unit}s": self.total,
            f"seconds_per_{self.unit}": round(seconds, 4),
            "seconds_left": None if left is None else round(left, 1),
            "gain": gain,
        }
        write_text(self.folder / "progress.json", json.dumps(facts) + "\n")

    def _log(self, seconds: float, left: float | None, gain: float | None) -> None:
        """Log a line; while there is a progress bar, only to render.log (level DEBUG)."""
        total = "" if self.total is None else f" of {self.total}"
        words = [f"{self.unit} {self.done}{total}"]
        if self.total == 1:
            words.append(f"{seconds:.2f} s")
        elif self.done - self.first == 1 and not self.done_ahead:
            slow = "resumed" if self.first else "several times as long as the next ones take"
            words.append(f"{seconds:.2f} s, {slow}")
        else:
            words.append(f"{seconds:.2f} s per {self.unit}")
        if self.done_ahead > self.done - self.first:
            words.append(f"{self.done_ahead} dreamt ahead")
        if left is not None:
            words.append(f"{clock(left)} left")
        if gain is not None:
            words.append(f"gain {gain:.2f}")
        log.log(logging.INFO if self.bar.disable else logging.DEBUG, "%s", ", ".join(words))


def clock(seconds: float) -> str:
    """Return a duration as text: 42 s, 5 min 7 s, 3 h 20 min."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


@contextmanager
def progress_bar(total: int | None, unit: str, folder: Path, done: int = 0) -> Iterator[_Progress]:
    """Show how many of `total` units are done. total: None if unknown.

    unit: what is counted, such as "frame". folder: the work folder. done: number of units that an
    earlier run has finished.
    """
    logger = logging.getLogger("pipeline")
    with (
        logging_redirect_tqdm([logger]),
        tqdm(total=total, unit=unit, initial=done, disable=None, smoothing=0) as bar,
    ):
        for handler in logger.handlers:  # tqdm's have no level
            if not isinstance(handler, logging.FileHandler):
                handler.setLevel(logging.INFO)
        try:
            yield _Progress(total, unit, folder, done, bar)
        finally:
            (folder / "progress.json").unlink(missing_ok=True)
