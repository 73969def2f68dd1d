"""The work folder of a render: its path, its JSON and text files, and its log."""

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
"""Suffix of the name of a work folder, added to the name of the output."""
FILM_SUFFIX = ".explain.mp4"
"""End of the name of the film of what the network sees."""


def work_dir(output: Path) -> Path:
    """Return the work folder of the render of this output."""
    return output.with_name(output.name + FOLDER)


def film_path(output: Path) -> Path:
    """Return the path of the film of what the network sees in a result."""
    return output.with_name(output.name.removesuffix(output.suffix) + FILM_SUFFIX)


def write_text(path: Path, text: str, *, durable: bool = False) -> None:
    """Write the file atomically: no reader ever sees a part of it. Raises UserError.

    durable: whether to flush it to the disk, so that it survives a power failure.
    """
    temporary = temporary_path(path)
    with _write_errors(path):
        try:
            temporary.write_text(text, encoding="utf-8")
            commit(temporary, path) if durable else temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)


@contextmanager
def log_to(folder: Path) -> Iterator[None]:
    """Write log records with times to render.log in the folder too, while the block runs.

    An exception other than UserError is added with its traceback. Raises UserError if the file
    cannot be created.
    """
    path = folder / "render.log"
    with _write_errors(path):
        handler = _LogFile(path, encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    logger = logging.getLogger("pipeline")
    logger.addHandler(handler)
    try:
        yield
    except Exception as error:
        if not isinstance(error, UserError):
            # only to the file: the caller prints it on stderr
            facts = {"name": __name__, "levelno": logging.CRITICAL, "levelname": "CRITICAL"}
            facts |= {"msg": "an internal error ended the render", "exc_info": sys.exc_info()}
            handler.handle(logging.makeLogRecord(facts))
        raise
    finally:
        logger.removeHandler(handler)
        handler.close()


class _LogFile(logging.FileHandler):
    """A log file whose own errors, such as a full disk, do not hide those of the render."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802
        """Ignore the error."""

    def close(self) -> None:
        """Close the file, even if its last lines could not be written."""
        with suppress(OSError):
            super().close()


@contextmanager
def _write_errors(path: Path) -> Iterator[None]:
    """Raise UserError for an OSError in the block: the file could not be written."""
    try:
        yield
    except OSError as error:
        fix = "free some space" if error.errno in (errno.ENOSPC, errno.EDQUOT) else "check it"
        raise UserError(
            f"output: {printable(path)} must be writable, got {error.strerror!r}; {fix}, or choose "
            "another folder"
        ) from error


def read_json(path: Path) -> dict[str, Any]:
    """Return the object in a JSON file; an empty one if the file is missing or damaged."""
    with suppress(OSError, ValueError):
        content = parse_json(path)
        if isinstance(content, dict):
            return content
    return {}


def parse_json(path: Path) -> Any:
    """Return the content of a JSON file.

    Raises OSError if there is no such file or it cannot be read, ValueError if it is not JSON.
    """
    if not path.is_file():  # reading a pipe would block
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(path))
    try:
        return json.loads(path.read_text("utf-8"))
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error
