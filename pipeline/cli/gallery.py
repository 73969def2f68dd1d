"""dreamreel-gallery: the page and the mosaic of a sweep, from the command line."""

from __future__ import annotations

import argparse
import logging
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from pipeline.cli.exit_codes import check_current_folder, open_standard_files
from pipeline.errors import UserError, printable
from pipeline.gallery.cards import cards, plan_of
from pipeline.gallery.mosaic import write_mosaic
from pipeline.gallery.page import write
from pipeline.gallery.watch import PAUSE
from pipeline.sweep.plan import OVER


def main(arguments: Sequence[str] | None = None) -> None:
    """Write what the command line asks for and exit: 0 done, 2 the user can fix it, 130 Ctrl-C."""
    open_standard_files()
    asked = _parser().parse_args(arguments)
    logging.basicConfig(format="%(message)s", level=logging.INFO)
    try:
        check_current_folder()
        if asked.watch:
            _watch(asked.sweep)
        made = [write(asked.sweep)]
        if asked.mosaic and (whole := write_mosaic(asked.sweep)) is not None:
            made.append(whole)
            write(asked.sweep)
        print(*map(printable, made), sep="\n")
    except UserError as error:
        print(error, file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        sys.exit(130)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="dreamreel-gallery",
        description="Write SWEEP/index.html, all videos of a sweep side by side with their "
        "settings, and SWEEP/mosaic.mp4, all of them in one video.",
    )
    parser.add_argument("sweep", type=Path, metavar="SWEEP", help="the folder of a sweep")
    parser.add_argument(
        "--watch", action="store_true", help="go on until every job is done or has failed"
    )
    parser.add_argument("--no-mosaic", dest="mosaic", action="store_false", help="only the page")
    return parser


def _watch(sweep: Path) -> None:
    """Write the page every few seconds until every job is done or has failed, or Ctrl-C."""
    try:
        print(printable(write(sweep, live=True)), flush=True)
        while not all(card.state in OVER for card in cards(sweep, plan_of(sweep))):
            time.sleep(PAUSE)
            write(sweep, live=True)
    except KeyboardInterrupt:
        write(sweep, live=False)
        raise


if __name__ == "__main__":
    main()
