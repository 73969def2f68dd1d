"""The work folder of a render: its path, its json and text files, and its log."""

from __future__ import annotations

import errno
import json
import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from pipeline.errors import UserError, printable
from pipeline.storage.atomic import commit, temporary_path

FOLDER = ".render"
"""Added to the output's name: the folder that a render works in."""


def work_dir(output: Path) -> Path:
    """Return the folder in which the render of this output works."""
    return output.with_name(output.name + FOLDER)


def write_text(path: Path, text: str, *, durable: bool = False) -> None:
    """Write the file so that nobody ever reads half of it. Raises UserError if it cannot.

    durable: so that it is on the disk afterwards, even where the power fails.
    """
    temporary = temporary_path(path)
    with _written(path):
        try:
            temporary.write_text(text, encoding="utf-8")
            commit(temporary, path) if durable else temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)


@contextmanager
def log_to(folder: Path) -> Iterator[None]:
    """What is logged also goes to render.log, with times, and so does an error of ours.

    Raises UserError if the file cannot be made.
    """
    path = folder / "render.log"
    with _written(path):
        handler = _LogFile(path, encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    ours = logging.getLogger("pipeline")
    ours.addHandler(handler)
    try:
        yield
    except Exception as error:
        if not isinstance(error, UserError):
            # to the file alone: whoever called us says it on stderr
            facts = {"name": __name__, "levelno": logging.CRITICAL, "levelname": "CRITICAL"}
            facts |= {"msg": "an internal error ended the render", "exc_info": sys.exc_info()}
            handler.handle(logging.makeLogRecord(facts))
        raise
    finally:
        ours.removeHandler(handler)
        handler.close()


class _LogFile(logging.FileHandler):
    """A log whose own trouble, on a full disk say, does not bury the render's."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802
        """Nothing."""

    def close(self) -> None:
        """Close the file, whether or not its last lines found room."""
        with suppress(OSError):
            super().close()


@contextmanager
def _written(path: Path) -> Iterator[None]:
    """Raises UserError where the file cannot be written."""
    try:
        yield
    except OSError as error:
        raise UserError(
            f"output: must have room for {printable(path)}, got {error.strerror!r}; "
            "free some, or choose another folder"
        ) from error


def read_json(path: Path) -> dict[str, Any]:
    """Return the object in a json file; an empty one if the file is gone, cut short or damaged."""
    with suppress(OSError, ValueError):
        held = parse_json(path)
        if isinstance(held, dict):
            return held
    return {}


def parse_json(path: Path) -> Any:
    """Return what a json file holds. Raises OSError if there is no such file, and ValueError."""
    if not path.is_file():  # a pipe would block
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(path))
    try:
        return json.loads(path.read_text("utf-8"))
    except RecursionError as error:
        raise ValueError("it is nested too deep") from error
