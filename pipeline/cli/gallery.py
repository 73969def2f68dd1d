"""`dreamreel gallery`: the page and the mosaic of a sweep."""

from __future__ import annotations

import argparse
import logging
import time
from collections.abc import Sequence
from pathlib import Path

from pipeline.cli.exit_codes import print_text
from pipeline.cli.parser import Parser
from pipeline.errors import printable
from pipeline.gallery.cards import cards, plan_of
from pipeline.gallery.mosaic import write_mosaic
from pipeline.gallery.page import write
from pipeline.gallery.watch import PAUSE
from pipeline.sweep.plan import FINAL_STATES


def main(arguments: Sequence[str]) -> None:
    """Write the files that the command line asks for. Raises UserError."""
    parsed = parser().parse_args(arguments)
    logging.basicConfig(format="%(message)s", level=logging.INFO)
    if parsed.watch:
        _watch(parsed.sweep)
    paths = [write(parsed.sweep)]
    if parsed.mosaic and (mosaic_path := write_mosaic(parsed.sweep)) is not None:
        paths.append(mosaic_path)
        write(parsed.sweep)
    print_text("\n".join(map(printable, paths)))


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    result = Parser(
        prog="dreamreel gallery",
        description="Write SWEEP/index.html, all videos of a sweep next to each other with their "
        "settings, and SWEEP/mosaic.mp4, all of them in one video.",
    )
    result.add_argument("sweep", type=Path, metavar="SWEEP", help="the folder of a sweep")
    result.add_argument(
        "--watch", action="store_true", help="update the page until every job is done or has failed"
    )
    result.add_argument("--no-mosaic", dest="mosaic", action="store_false", help="only the page")
    return result


def _watch(sweep: Path) -> None:
    """Write the page every PAUSE seconds until every job is done or has failed.

    After Ctrl-C, write it a last time as a page that asks for no updates, and raise
    KeyboardInterrupt.
    """
    try:
        print_text(printable(write(sweep, live=True)))
        while not all(card.state in FINAL_STATES for card in cards(sweep, plan_of(sweep))):
            time.sleep(PAUSE)
            write(sweep, live=True)
    except KeyboardInterrupt:
        write(sweep, live=False)
        raise
