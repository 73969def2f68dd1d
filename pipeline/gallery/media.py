"""Files of a job that can be shown: regular files of a known kind in its own folder."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from pipeline.recording.output import NUMBERED, SOURCE_PICTURE, SOURCE_VIDEO
from pipeline.storage.work_dir import work_dir
from pipeline.sweep.plan import JobState, Status

TEXT = 1 << 20
"""Maximum size in bytes of a text file that is read; those of a render are far smaller."""


class Kind(StrEnum):
    """How a result is shown."""

    VIDEO = "video"
    """Directly: browsers play it."""
    PICTURE = "picture"
    """Directly: browsers show it."""
    COPY = "copy"
    """As a small video, since browsers cannot play it, or not in step with others."""
    FRAMES = "frames"
    """As a small video of the numbered PNGs in the folder."""


KINDS = {
    **dict.fromkeys((".mp4", ".webm"), Kind.VIDEO),
    **dict.fromkeys((".mov", ".mkv", ".gif", ".tif", ".tiff"), Kind.COPY),
    **dict.fromkeys((".png", ".jpg", ".jpeg", ".webp"), Kind.PICTURE),
}
"""Suffix of an output -> how it is shown."""


@dataclass(frozen=True)
class Media:
    """A result of a job that can be shown."""

    path: Path
    """Path of the file or folder, inside the sweep."""
    kind: Kind
    """How it is shown."""
    version: str
    """Digest that changes whenever the file does."""
    partial: bool = False
    """Whether this is the result of an unfinished job."""


def media_of(job: Path, status: Status) -> Media | None:
    """Return the result of the job so far; None if there is nothing that may be shown."""
    output = path_within(job, status.output)
    if output is None:
        return None
    if status.state is JobState.DONE:
        return _media(output, partial=False)
    work = work_dir(output)
    return _media(work / f"partial{output.suffix}", partial=True) if is_folder(work) else None


def source_of(work: Path) -> Media | None:
    """Return the small copy of the source in a work folder; None if there is none."""
    found = (_media(work / name, partial=False) for name in (SOURCE_VIDEO, SOURCE_PICTURE))
    return next((media for media in found if media and media.kind is not Kind.FRAMES), None)


def path_within(folder: Path, name: object) -> Path | None:
    """Return the path of `name` directly inside the folder; None if it is not a plain name."""
    if not isinstance(name, str) or name in ("", ".", "..") or set(name) & set("/\\\0"):
        return None
    return folder / name


def is_folder(path: Path) -> bool:
    """Return whether the path is a folder and not a link to one."""
    facts = _lstat(path)
    return facts is not None and stat.S_ISDIR(facts.st_mode)


def is_plain(path: Path, most: int | None = None) -> bool:
    """Return whether the path is a regular, non-empty file and not a link.

    most: maximum size in bytes. None: no limit.
    """
    facts = _lstat(path)
    if facts is None or not stat.S_ISREG(facts.st_mode):
        return False
    return 0 < facts.st_size <= (most or float("inf"))


def numbered(folder: Path) -> Sequence[Path]:
    """Return the numbered PNGs of a folder, in order; empty if the folder does not exist."""
    try:
        paths = [path for path in folder.iterdir() if NUMBERED.fullmatch(path.name)]
    except OSError:
        return []
    return sorted(filter(is_plain, paths), key=lambda path: int(path.stem))


def _media(path: Path, *, partial: bool) -> Media | None:
    kind = KINDS.get(path.suffix.lower())
    if is_folder(path):
        kind = Kind.FRAMES
    elif kind is None or not is_plain(path):
        return None
    facts = _lstat(path)
    if facts is None:  # removed in the meantime
        return None
    state = f"{facts.st_mtime_ns} {facts.st_size}"
    return Media(path, kind, hashlib.sha1(state.encode()).hexdigest()[:8], partial)


def _lstat(path: Path) -> os.stat_result | None:
    """Return the result of lstat; None if the path does not exist."""
    try:
        return path.lstat()
    except (OSError, ValueError):  # ValueError: invalid characters in the name
        return None
