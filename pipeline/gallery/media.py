"""What of a job can be looked at: files of its own folder, of a kind that is known."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from pipeline.recording.output import NUMBERED
from pipeline.storage.work_dir import work_dir
from pipeline.sweep.plan import JobState, Status

TEXT = 1 << 20
"""The most bytes of a file that is read for what it tells: those that we write are far smaller."""


class Kind(StrEnum):
    """How it is shown."""

    VIDEO = "video"
    """As it is: browsers play it."""
    PICTURE = "picture"
    """As it is: browsers show it."""
    COPY = "copy"
    """As a small video, for browsers cannot, or not in step."""
    FRAMES = "frames"
    """As a small video of the numbered PNGs in it."""


KINDS = {
    **dict.fromkeys((".mp4", ".webm"), Kind.VIDEO),
    **dict.fromkeys((".mov", ".mkv", ".gif", ".tif", ".tiff"), Kind.COPY),
    **dict.fromkeys((".png", ".jpg", ".jpeg", ".webp"), Kind.PICTURE),
}
"""Suffix of an output -> how a browser can show it."""


@dataclass(frozen=True)
class Media:
    """A file of a job that can be looked at."""

    path: Path
    """Inside the sweep."""
    kind: Kind
    """A video, a picture or a folder of pictures."""
    version: str
    """Changes whenever the file does."""
    partial: bool = False
    """Whether there will be more of it."""


def media_of(job: Path, status: Status) -> Media | None:
    """Return what the job made, or what is there of it; None = nothing that may be shown."""
    output = path_within(job, status.output)
    if output is None:
        return None
    if status.state is JobState.DONE:
        return _media(output, partial=False)
    work = work_dir(output)
    return _media(work / f"partial{output.suffix}", partial=True) if is_folder(work) else None


def path_within(folder: Path, name: object) -> Path | None:
    """Return what is called so in the folder itself; None = that is no such name."""
    if not isinstance(name, str) or name in ("", ".", "..") or set(name) & set("/\\\0"):
        return None
    return folder / name


def is_folder(path: Path) -> bool:
    """Return whether it is a folder, and no link to one."""
    facts = _facts(path)
    return facts is not None and stat.S_ISDIR(facts.st_mode)


def is_plain(path: Path, most: int | None = None) -> bool:
    """Return whether it is a file that holds something, and no link. most: bytes, None = any
    number.
    """
    facts = _facts(path)
    if facts is None or not stat.S_ISREG(facts.st_mode):
        return False
    return 0 < facts.st_size <= (most or float("inf"))


def numbered(folder: Path) -> Sequence[Path]:
    """Return the numbered PNGs of a folder, in order; none of one that is gone."""
    try:
        found = [path for path in folder.iterdir() if NUMBERED.fullmatch(path.name)]
    except OSError:
        return []
    return sorted(filter(is_plain, found), key=lambda path: int(path.stem))


def _media(path: Path, *, partial: bool) -> Media | None:
    kind = KINDS.get(path.suffix.lower())
    if is_folder(path):
        kind = Kind.FRAMES
    elif kind is None or not is_plain(path):
        return None
    facts = _facts(path)
    if facts is None:  # it went while we looked
        return None
    state = f"{facts.st_mtime_ns} {facts.st_size}"
    return Media(path, kind, hashlib.sha1(state.encode()).hexdigest()[:8], partial)


def _facts(path: Path) -> os.stat_result | None:
    """Return what lstat says of it; None = it is not there."""
    try:
        return path.lstat()
    except (OSError, ValueError):  # ValueError: broken letters in the name
        return None
