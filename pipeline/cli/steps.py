"""Progress of a subcommand that takes a while."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from tqdm import tqdm

PAUSE = 5.0
"""Seconds before the first line, and between lines, where there is no terminal."""


@contextmanager
def steps(total: int, unit: str) -> Iterator[Callable[[str], None]]:
    """Provide a function to call at the start of each of `total` steps, with what it does.

    It shows a bar on a terminal; elsewhere it prints a line on stderr every few seconds. unit: what
    is counted, such as "picture".
    """
    bar: tqdm[Any] = tqdm(total=total, unit=unit, disable=None, leave=False)
    begun, last = 0, 0.0

    def begin(step: str) -> None:
        nonlocal begun, last
        bar.update(1 if begun else 0)
        bar.set_description(step)
        begun += 1
        last = last or time.monotonic()
        if bar.disable and time.monotonic() - last >= PAUSE:
            last = time.monotonic()
            print(f"{unit} {begun} of {total}: {step}", file=sys.stderr, flush=True)

    with bar:
        yield begin
