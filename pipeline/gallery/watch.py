"""Updates of the gallery while a sweep runs, which never fail the sweep nor delay it for long."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pipeline.gallery.mosaic import write_mosaic
from pipeline.gallery.page import write

log = logging.getLogger(__name__)

PAUSE, SHARE = 3.0, 20
"""Minimum pause between two updates, in seconds, and as a multiple of the last update's time."""
LAST = 60.0
"""Time limit of the mosaic after the sweep, in seconds; the page is written before."""


@contextmanager
def watch_sweep(sweep: Path) -> Iterator[None]:
    """Update the page of the sweep every few seconds during the block, and once at its end.

    The mosaic is also made at the end, unless the block ends by an error or Ctrl-C, when the user
    is waiting. Only the first failure is logged, as a warning.
    """
    over, well = threading.Event(), threading.Event()
    thread = threading.Thread(target=_update, args=(sweep, over, well), daemon=True, name="gallery")
    thread.start()
    try:
        yield
        well.set()
    finally:
        over.set()
        thread.join(2 * LAST)


def _update(sweep: Path, over: threading.Event, well: threading.Event) -> None:
    warned = False
    while True:
        last, started = over.is_set(), time.monotonic()
        try:
            write(sweep, live=not last)
            if last and well.is_set():
                write_mosaic(sweep, seconds=LAST)
                write(sweep, live=False)
        except Exception as error:
            # whatever it is, the sweep itself is not affected
            if not warned:
                log.warning("the gallery of the sweep could not be updated: %s", error)
            warned = True
        if last:
            return
        over.wait(max(PAUSE, SHARE * (time.monotonic() - started)))
