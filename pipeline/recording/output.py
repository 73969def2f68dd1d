"""Where a result goes, and whether it may: what is there, and what an earlier render left."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.errors import UserError, printable
from pipeline.storage.atomic import TEMPORARY, disk_errors, temporary_path
from pipeline.storage.file_names import is_regular
from pipeline.storage.work_dir import parse_json, write_text

if TYPE_CHECKING:  # and with it torch, without which the gallery finds what lies where
    from pipeline.frame import Clip

NUMBERED = re.compile(r"\d+\.png")
"""A picture's name in a folder that a render made."""
STATE = 4 * 4 + 3
"""Bytes a pixel of what a render saves: three colours and a maturity in float, and a picture."""
MB = 1e6
COMPLETE = "complete.json"
"""Says which file is the complete result, whatever its name is by now."""


def check_output_free(output: Path, folder: Path, *, overwrite: bool) -> None:
    """Check that a render that works in `folder` may put its result there. Raises UserError.

    A folder is replaced only if an earlier render made it: anything else in it would be lost.
    """
    if not output.parent.is_dir():
        raise UserError(
            f"output: its folder must exist, got {printable(output.parent)}; make it first"
        )
    if not os.path.lexists(output) or is_complete(folder, output):
        return
    if output.suffix == "" and not output.is_dir():
        raise UserError(
            "output: must be a folder, for its name has no suffix, got the file "
            f"{printable(output)}; "
            "name another, or remove it"
        )
    if not overwrite:
        raise UserError(
            f"output: must not exist yet, got {printable(output)}; name another or set "
            "overwrite=true"
        )
    if output.is_dir():
        others = (entry for entry in output.iterdir() if not NUMBERED.fullmatch(entry.name))
        if (other := next(others, None)) is not None:
            raise UserError(
                f"output: must hold nothing but an earlier render's pictures to be replaced, got "
                f"{printable(other)}; name another folder"
            )


def check_files(folder: Path, names: Iterable[str], *, overwrite: bool) -> None:
    """Check that what lies under these names in a work folder are files. Raises UserError.

    A link could lead what is written to another file, and a pipe blocks. names: with wildcards.
    overwrite: whether anything else may be removed.
    """
    for name in names:
        for path in folder.glob(name):
            if is_regular(path):
                continue
            if not overwrite:
                raise UserError(
                    f"output: {printable(path)} must be a file, got a folder, link or pipe; "
                    "remove it, "
                    "or set overwrite=true"
                )
            with disk_errors(path):
                remove(path)


def check_disk(folder: Path, clip: Clip, segment: int) -> None:
    """Check that there is room to begin: for two states, and for a segment of so many pictures, as
    they are and encoded, which is no more. Raises UserError.
    """
    pixels = clip.height * clip.width
    pictures = segment if clip.count is None else min(segment, clip.count)
    need = pixels * (2 * STATE + 2 * pictures * 3 * clip.depth // 8)
    free = shutil.disk_usage(folder).free
    if free < need:
        raise UserError(
            f"output: {printable(folder)} must have room for about {need / MB:.2f} MB to begin "
            "with, "
            f"got {free / MB:.2f} MB; free some, or choose another folder"
        )


def check_rename(output: Path, folder: Path) -> None:
    """Check that what is made in `folder` can be renamed to `output`. Raises UserError.

    It cannot where the folder is a link to another disk. Killed meanwhile, the next check of the
    same output removes the file that it left.
    """
    name = hashlib.sha256(output.name.encode()).hexdigest()[:16]  # output's own may be too long
    made, there = temporary_path(folder / "check"), output.with_name(f"check-{name}{TEMPORARY}")
    try:
        made.touch()
        made.rename(there)
    except OSError as error:
        raise UserError(
            f"output: must be in a folder to which {printable(folder)} can be renamed, got "
            f"{error.strerror!r}; remove that folder, or name an output on the disk of it"
        ) from error
    finally:
        made.unlink(missing_ok=True)
        there.unlink(missing_ok=True)


def missing_bytes(folder: Path, segments: Sequence[Path], pictures: int, count: int | None) -> int:
    """Return how many bytes the disk will lack in the end; 0 = none, or it cannot be told.

    segments: those that are there, with so many pictures in them, of `count` in all. The whole is
    written beside them.
    """
    if not pictures or count is None:
        return 0
    each = sum(segment.stat().st_size for segment in segments) / pictures
    need = each * (max(0, count - pictures) + count)
    return max(0, round(need - shutil.disk_usage(folder).free))


def mark_complete(folder: Path, whole: Path, pictures: int) -> None:
    """Write to the folder that `whole`, of so many pictures, is the complete result.

    Raises UserError.
    """
    write_text(folder / COMPLETE, json.dumps([*_mark(whole), pictures]) + "\n", durable=True)


def complete_count(folder: Path, output: Path) -> int | None:
    """Return the number of pictures in the output, if it is the complete result of the render that
    works in the folder; else None.
    """
    try:
        *mark, pictures = parse_json(folder / COMPLETE)
        return pictures if mark == _mark(output) and isinstance(pictures, int) else None
    except (OSError, ValueError, TypeError):  # empty or cut short, by a full disk or a power cut
        return None


def is_complete(folder: Path, output: Path) -> bool:
    """Return whether the output is the complete result of the render that works in the folder."""
    return complete_count(folder, output) is not None


def remove(path: Path) -> None:
    """Remove the file or folder, if it is there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _mark(path: Path) -> list[int]:
    """Return what stays when it gets another name."""
    facts = os.lstat(path)
    return [facts.st_dev, facts.st_ino, 0 if path.is_dir() else facts.st_size]
