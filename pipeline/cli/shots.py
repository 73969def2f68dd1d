"""Render a long video in parts that start and end at cuts, as jobs of a sweep, and join them.

dreamreel shots feature.mp4 -o dream.mp4 hydra/launcher=gpus
dreamreel shots feature.mp4 -o dream.mp4 hydra/launcher=slurm look=lace
dreamreel shots clip.mp4 hydra/launcher=local --least 60

Nothing is carried across a cut, so the result has the same bytes as that of a single process. The
same command resumes after an interruption. --longest splits shots that are too long for one job:
each piece then grows its own dream in warm-up frames before it, which are not shown, and the report
states how much the dreams on both sides of a seam differ.
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
from pipeline.cli.settings_parser import settings_parser
from pipeline.cli.shorthand import expand
from pipeline.config.compose import compose_stage
from pipeline.errors import UserError, printable
from pipeline.jobs.shots import Shots

RUN_UP = 48
"""Warm-up frames: the dream becomes nearly as strong as without the split, but not the same."""


def main(arguments: Sequence[str]) -> NoReturn:
    """Render the video and exit with the exit code of dreamreel. Raises UserError."""
    parsed = parser().parse_intermixed_args(arguments)
    settings = expand(parsed.settings)
    if parsed.output is not None:
        settings.append(f"output={parsed.output}")
    find = partial(Shots.detect, least=parsed.least, longest=parsed.longest, run_up=parsed.run_up)
    render_shots(settings, find)


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    result = settings_parser("shots", __doc__, "a video")
    result.add_argument("-o", dest="output", metavar="FILE", help="same as output=FILE")
    result.add_argument(
        "--least",
        type=_number,
        metavar="FRAMES",
        help="minimum length of a part: shorter shots are joined (default: at most 64 parts)",
    )
    result.add_argument(
        "--longest",
        type=_number,
        metavar="FRAMES",
        help="maximum length of a part: longer shots are split (default: never)",
    )
    result.add_argument(
        "--run-up",
        type=_number,
        default=RUN_UP,
        metavar="FRAMES",
        help="warm-up frames before a part that starts within a shot (%(default)s)",
    )
    return result


def render_shots(settings: Sequence[str], find: Callable[..., Shots]) -> NoReturn:
    """Find the shots, render each part, join them, and exit. Raises UserError.

    find: returns the shots, given the pictures and the cut detector.
    """
    pairs = dict(word.partition("=")[::2] for word in settings)
    overrides = [word for word in settings if not word.startswith(("output=", "hydra", "+hydra"))]
    launcher = [word for word in settings if word.startswith(("hydra", "+hydra"))]
    if not pairs.get("output"):
        raise UserError("output: must be set, got nothing; set output=NAME.mp4")
    output = Path(pairs["output"])
    folder = output.with_name(f"{output.name}.shots")
    if pairs.get("loop", "false") != "false":
        raise UserError(
            f"loop: must be false when a video is rendered in parts, got {pairs['loop']}; set "
            "loop=false, or render it in one piece with dreamreel instead of dreamreel shots"
        )
    if compose_stage("anchors", *overrides).across_cuts:
        raise UserError(
            "anchors.across_cuts: must be false when a video is rendered in parts, got true; set "
            "anchors.across_cuts=false, or render it in one piece with dreamreel instead of "
            "dreamreel shots"
        )
    if pairs.get("plan", "false") != "false":
        sys.exit(_dreamreel(*overrides, f"output={output}"))
    shots = detect(overrides, find)
    folder.mkdir(parents=True, exist_ok=True)
    shots.write(folder)
    print(f"{printable(folder)}: {len(shots.ranges)} parts", flush=True)
    # longest first, so that no long part starts when the others are finished
    longest_first = sorted(shots.ranges, key=lambda part: -part.count)
    ranges = f"part={','.join(map(str, longest_first))}"
    suffix = f"output=dream{output.suffix}"
    sys.exit(
        _dreamreel("-m", *overrides, *launcher, ranges, suffix, f"sweep={folder}")
        or _dreamreel(*overrides, f"output={output}", f"shots={folder}")
    )


def _dreamreel(*words: str) -> str | int | None:
    """Run the command line with these words and return its exit code.

    It runs in this process, which has already imported everything that it needs.
    """
    sys.argv = ["dreamreel", *words]
    try:
        dreamreel()
    except SystemExit as ended:
        return ended.code


def detect(settings: Sequence[str], find: Callable[..., Shots]) -> Shots:
    """Return the parts of the video that these settings name. Raises UserError."""
    source, cuts = compose_stage("source", *settings), compose_stage("cuts", *settings)
    pictures = tqdm(source.pictures(), total=source.clip.count, unit="frame", disable=None)
    return find(pictures, cuts)


def _number(text: str) -> int:
    """Return a number of frames, at least 1. Raises ArgumentTypeError, as argparse expects."""
    if not text.isdigit() or not int(text):
        raise argparse.ArgumentTypeError(f"must be a number of frames, at least 1, got {text!r}")
    return int(text)
