"""A long video in parts, each from a cut to a later one, as jobs of a sweep; then joined.

python scripts/render_shots.py input=feature.mp4 output=dream.mp4 hydra/launcher=gpus
python scripts/render_shots.py input=feature.mp4 output=dream.mp4 hydra/launcher=slurm look=lace
python scripts/render_shots.py input=clip.mp4 hydra/launcher=local --least 60

Nothing is carried across a cut, so every byte is the one that a single process would have made. The
same command resumes, whatever happened. A shot that is too long for one job is split by --longest:
each piece then grows its own dream in frames before it, which are not shown, and the report says
how far the dreams on both sides of a seam are from one another.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import NoReturn

from tqdm import tqdm

from pipeline.cli.app import main as dreamreel
from pipeline.config.compose import compose_stage
from pipeline.errors import UserError, printable
from pipeline.jobs.shots import Shots

RUN_UP = 48
"""Frames in which a dream grows nearly as strong as it would be; it is another one."""


def main() -> None:
    """Render what the command line asks for and exit as dreamreel does."""
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=raw)
    parser.add_argument("settings", nargs="+", metavar="KEY=VALUE", help="of dreamreel; input=...")
    parser.add_argument(
        "--least",
        type=_number,
        metavar="FRAMES",
        help="of a part: shots in a row go together; else in 64",
    )
    parser.add_argument(
        "--longest",
        type=_number,
        metavar="FRAMES",
        help="of a part: a longer one is split, where no cut is too",
    )
    parser.add_argument(
        "--run-up",
        type=_number,
        default=RUN_UP,
        metavar="FRAMES",
        help="dreamt before such a piece, not shown; else %(default)s",
    )
    asked = parser.parse_intermixed_args()
    try:
        find = partial(Shots.found, least=asked.least, longest=asked.longest, run_up=asked.run_up)
        render(asked.settings, find)
    except UserError as error:
        print(error, file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        sys.exit(130)


def render(settings: Sequence[str], find: Callable[..., Shots]) -> NoReturn:
    """Find the shots, render each part, join them, and exit. Raises UserError.

    find: the shots, from pictures and cuts.
    """
    said = dict(word.partition("=")[::2] for word in settings)
    here = [word for word in settings if not word.startswith(("output=", "hydra", "+hydra"))]
    engine = [word for word in settings if word.startswith(("hydra", "+hydra"))]
    if not said.get("output"):
        raise UserError("output: must be given, got nothing; set output=NAME.mp4")
    output = Path(said["output"])
    folder = output.with_name(f"{output.name}.shots")
    if said.get("loop", "false") != "false":
        raise UserError(
            f"loop: must be false where parts are rendered, got {said['loop']}; its end needs its "
            "start, so render it as one"
        )
    if said.get("plan", "false") != "false":
        sys.exit(_dreamreel(*here, f"output={output}"))
    shots = found(here, find)
    folder.mkdir(parents=True, exist_ok=True)
    shots.write(folder)
    print(f"{printable(folder)}: {len(shots.parts)} parts", flush=True)
    # the longest first: what begins last should not be what ends last
    longest_first = sorted(shots.parts, key=lambda part: -part.count)
    ranges = f"part={','.join(map(str, longest_first))}"
    suffix = f"output=dream{output.suffix}"
    sys.exit(
        _dreamreel("-m", *here, *engine, ranges, suffix, f"sweep={folder}")
        or _dreamreel(*here, f"output={output}", f"shots={folder}")
    )


def _dreamreel(*words: str) -> str | int | None:
    """Return the exit code of the command line with these words, in this process: it has imported
    what that needs.
    """
    sys.argv = ["dreamreel", *words]
    try:
        dreamreel()
    except SystemExit as ended:
        return ended.code


def found(settings: Sequence[str], find: Callable[..., Shots]) -> Shots:
    """Return the parts of the video that these settings are for. Raises UserError."""
    source, cuts = compose_stage("source", *settings), compose_stage("cuts", *settings)
    pictures = tqdm(source.pictures(), total=source.clip.count, unit="frame", disable=None)
    return find(pictures, cuts)


def _number(text: str) -> int:
    """Return a number from 1, as argparse wants it."""
    if not text.isdigit() or not int(text):
        raise argparse.ArgumentTypeError(f"must be a number of frames from 1, got {text!r}")
    return int(text)


if __name__ == "__main__":
    main()
