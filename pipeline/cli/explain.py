"""A sheet of what the network sees in a picture and in its dream.

dreamreel explain photo.jpg                       # photo.explain.png, .html and .json
dreamreel explain photo.jpg objective=label objective.label="brown bear"
dreamreel explain photo.jpg "explain.classes=[lion,tabby]" explain.control=true
dreamreel explain dream.mp4                       # a film of a finished render: dream.explain.mp4
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

from pipeline.cli.exit_codes import print_text
from pipeline.cli.settings_parser import settings_parser
from pipeline.cli.shorthand import expand
from pipeline.cli.steps import steps
from pipeline.cli.task import log_to_stderr
from pipeline.config.output_path import VIDEOS
from pipeline.errors import UserError, printable
from pipeline.explain.explanation import STEPS, explain
from pipeline.explain.film import explain_film
from pipeline.explain.page import page
from pipeline.explain.record import record
from pipeline.explain.sheet import draw
from pipeline.storage.atomic import atomic_write, disk_errors

SUFFIX = ".explain.png"
"""End of the default name of the sheet."""


def main(arguments: Sequence[str]) -> None:
    """Write the sheet as a picture, as a page and as JSON. Raises UserError."""
    parsed = parser().parse_intermixed_args(arguments)
    words = expand(parsed.settings)
    if len(words) == 1 and (video := Path(words[0].removeprefix("input="))).suffix in VIDEOS:
        with log_to_stderr():
            print_text(printable(explain_film(video, overwrite=parsed.yes)))
        return
    outputs = [word for word in words if word.startswith("output=")]
    settings = [word for word in words if word not in (*outputs, "overwrite=true")]
    given = Path(outputs[-1].removeprefix("output=")) if outputs else parsed.output
    sheet = _output(given, settings)
    files = [sheet, sheet.with_suffix(".html"), sheet.with_suffix(".json")]
    if not sheet.parent.is_dir():
        raise UserError(
            f"output: its folder must exist, got {printable(sheet.parent)}; create it first"
        )
    for file in files:
        if file.exists() and not parsed.yes and "overwrite=true" not in words:
            raise UserError(
                f"output: must not exist yet, got {printable(file)}; add -y to replace it, or "
                "choose another name with -o"
            )
    with steps(STEPS, "step") as begin:
        explanation = explain(settings, begin)
        begin("sheet")
    with disk_errors(sheet):
        with atomic_write(files[1]) as temporary:
            temporary.write_text(page(explanation, sheet.name.removesuffix(SUFFIX)), "utf-8")
        with atomic_write(files[2]) as temporary:
            temporary.write_text(json.dumps(record(explanation), indent=2) + "\n", "utf-8")
        with atomic_write(sheet) as temporary:
            draw(explanation, temporary)
    for file in files:
        print_text(printable(file))


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    result = settings_parser("explain", __doc__, "a picture, or a video that was rendered,")
    result.add_argument(
        "-o",
        "--output",
        type=Path,
        metavar="FILE",
        help="sheet to write, .png; the page and the JSON are written next to it "
        f"(INPUT{SUFFIX} in the current folder)",
    )
    result.add_argument("-y", "--yes", action="store_true", help="replace existing files")
    return result


def _output(given: Path | None, settings: Sequence[str]) -> Path:
    """Return the path of the sheet. Raises UserError."""
    if given is not None:
        if given.suffix.lower() != ".png":
            raise UserError(
                f"output: must end in .png, got {printable(given)}; "
                f"write -o {printable(given.with_suffix('.png'))}"
            )
        return given
    named = [word.removeprefix("input=") for word in settings if word.startswith("input=")]
    if not named:
        raise UserError("input: must be set, got nothing; name a picture: dreamreel explain a.jpg")
    return Path(Path(named[-1].strip("'\"")).stem + SUFFIX)
