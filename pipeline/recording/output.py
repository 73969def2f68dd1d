"""Checks of an output path and its disk, and the record of which output is complete."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import re
import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.errors import OutputExistsError, UserError, printable
from pipeline.storage.atomic import TEMPORARY, disk_errors, temporary_path
from pipeline.storage.file_names import is_regular
from pipeline.storage.work_dir import parse_json, write_text

if TYPE_CHECKING:  # this imports torch, and the gallery uses the rest without it
    from pipeline.frame import Clip

log = logging.getLogger(__name__)

NUMBERED = re.compile(r"\d+\.png")
"""Pattern of the name of a picture in a folder that a render made."""
STATE = 4 * 4 + 3
"""Bytes per pixel of a state: three colours and a maturity in float32, and an 8-bit picture."""
MB = 1e6
SOURCE_VIDEO, SOURCE_PICTURE = "source.mp4", "source.png"
"""Names of the small copy of the source of a sweep's job, for the gallery."""
COMPLETE = "complete.json"
"""Name of the file that identifies the complete result, whatever that has been renamed to."""


def check_output_free(output: Path, folder: Path, *, overwrite: bool) -> None:
    """Raise UserError unless a render that works in `folder` may write its result to `output`.

    A folder is replaced only if it holds nothing but the pictures of an earlier render.
    """
    if not output.parent.is_dir():
        raise UserError(
            f"output: its folder must exist, got {printable(output.parent)}; create it first"
        )
    if not os.path.lexists(output) or is_complete(folder, output):
        return
    if output.suffix == "" and not output.is_dir():
        raise UserError(
            "output: must be a folder, because its name has no suffix, got the file "
            f"{printable(output)}; choose another name, or remove the file"
        )
    if not overwrite:
        raise OutputExistsError(printable(output))
    if output.is_dir():
        others = (entry for entry in output.iterdir() if not NUMBERED.fullmatch(entry.name))
        if (other := next(others, None)) is not None:
            raise UserError(
                "output: must contain only the pictures of an earlier render to be replaced, got "
                f"{printable(other)}; choose another folder"
            )


def check_files(folder: Path, names: Iterable[str], *, overwrite: bool) -> None:
    """Raise UserError unless everything with these names in a work folder is a regular file.

    Writing through a link could change another file, and opening a pipe blocks. names: names with
    wildcards. overwrite: whether to remove anything else instead.
    """
    for name in names:
        for path in folder.glob(name):
            if is_regular(path):
                continue
            if not overwrite:
                raise UserError(
                    f"output: {printable(path)} must be a file, got a folder, link or pipe; "
                    "remove it, or set overwrite=true"
                )
            with disk_errors(path):
                remove(path)


def check_disk(folder: Path, clip: Clip, segment: int) -> None:
    """Raise UserError unless the disk has space for two states and the pictures of a segment.

    The pictures are stored twice: raw, and encoded, which takes no more. segment: maximum number of
    pictures in a segment.
    """
    pixels = clip.height * clip.width
    pictures = segment if clip.count is None else min(segment, clip.count)
    need = pixels * (2 * STATE + 2 * pictures * 3 * clip.depth // 8)
    free = shutil.disk_usage(folder).free
    if free < need:
        raise UserError(
            f"output: the disk of {printable(folder)} must have at least {need / MB:.2f} MB of "
            f"free space, got {free / MB:.2f} MB; free some space, or choose another folder"
        )


def check_rename(output: Path, folder: Path) -> None:
    """Raise UserError unless a file in `folder` can be renamed to `output`.

    It cannot if the folder is a link to another disk. A file left by a check that was killed is
    removed by the next check for the same output.
    """
    name = hashlib.sha256(output.name.encode()).hexdigest()[:16]  # the name itself may be too long
    source, target = temporary_path(folder / "check"), output.with_name(f"check-{name}{TEMPORARY}")
    try:
        source.touch()
        source.rename(target)
    except OSError as error:
        raise UserError(
            f"output: must be on the same disk as its work folder {printable(folder)}, got "
            f"{error.strerror!r}; remove that folder, or choose an output on its disk"
        ) from error
    finally:
        source.unlink(missing_ok=True)
        target.unlink(missing_ok=True)


def warn_of_small_disk(
    folder: Path, segments: Sequence[Path], pictures: int, count: int | None
) -> bool:
    """Warn if the disk will be too small, and return whether that is so.

    segments, pictures, count: as for `missing_bytes`.
    """
    missing = missing_bytes(folder, segments, pictures, count)
    if missing:
        log.warning(
            "output: the disk of %s has about %.1f MB too little space for all frames; free "
            "some space while the render runs",
            printable(folder),
            missing / MB,
        )
    return missing > 0


def missing_bytes(folder: Path, segments: Sequence[Path], pictures: int, count: int | None) -> int:
    """Return the number of bytes that the disk will be short of; 0 if none or unknown.

    segments: the closed segments, which hold `pictures` of all `count` pictures. The result takes
    as much space as all segments, in addition to them.
    """
    if not pictures or count is None:
        return 0
    each = sum(segment.stat().st_size for segment in segments) / pictures
    need = each * (max(0, count - pictures) + count)
    return max(0, round(need - shutil.disk_usage(folder).free))


def mark_complete(folder: Path, whole: Path, pictures: int) -> None:
    """Record in the folder that the file or folder `whole` is the complete result.

    pictures: number of pictures in it. Raises UserError.
    """
    write_text(folder / COMPLETE, json.dumps([*_mark(whole), pictures]) + "\n", durable=True)


def complete_count(folder: Path, output: Path) -> int | None:
    """Return the number of pictures in the output; None if it is not complete.

    It is complete if it is the result that `mark_complete` recorded in the folder.
    """
    try:
        *mark, pictures = parse_json(folder / COMPLETE)
        return pictures if mark == _mark(output) and isinstance(pictures, int) else None
    except (OSError, ValueError, TypeError):  # empty or truncated (full disk, power failure)
        return None


def is_complete(folder: Path, output: Path) -> bool:
    """Return whether the output is the result that `mark_complete` recorded in `folder`."""
    return complete_count(folder, output) is not None


def remove(path: Path) -> None:
    """Remove the file or folder, if it exists."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _mark(path: Path) -> list[int]:
    """Return device, inode and size, which do not change when the file is renamed."""
    facts = os.lstat(path)
    return [facts.st_dev, facts.st_ino, 0 if path.is_dir() else facts.st_size]
