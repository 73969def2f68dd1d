"""The gallery kept true while a sweep runs: it never fails the sweep, nor holds it up for long."""

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
"""Seconds between two looks at the sweep, and as many times as long as the last one took."""
LAST = 60.0
"""Seconds that the mosaic may take once the sweep is over; the page is written before."""


@contextmanager
def watch_sweep(sweep: Path) -> Iterator[None]:
    """The sweep's page is true to it every few seconds, and once more in the end.

    The mosaic is made in the end, unless the block was left by an error or Ctrl-C: then the user
    waits. What goes wrong is one warning in the log.
    """
    over, well = threading.Event(), threading.Event()
    thread = threading.Thread(target=_keep, args=(sweep, over, well), daemon=True, name="gallery")
    thread.start()
    try:
        yield
        well.set()
    finally:
        over.set()
        thread.join(2 * LAST)


def _keep(sweep: Path, over: threading.Event, well: threading.Event) -> None:
    warned = False
    while True:
        last, began = over.is_set(), time.monotonic()
        try:
            write(sweep, live=not last)
            if last and well.is_set():
                write_mosaic(sweep, seconds=LAST)
                write(sweep, live=False)
        except Exception as error:
            # whatever it is: the sweep itself is well, and goes on
            if not warned:
                log.warning("the gallery of the sweep is not up to date: %s", error)
            warned = True
        if last:
            return
        over.wait(max(PAUSE, SHARE * (time.monotonic() - began)))
