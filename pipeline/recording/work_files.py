"""The files in the work folder of a render, and how those that only resuming needs are removed.

segment-A-B ...     pictures A to B - 1, encoded; ends at the maximum length or with a shot
digest-A-B ...      SHA-256 of each segment
pictures-A-B ...    pictures A to B - 1, not encoded, as their segment is not closed yet
edge-N              dream layer before frame N, at the ends of a frame range: to measure seams
state-N             checkpoint: all that frame N depends on, and a digest of the state after it
made_of.json        fingerprint: a render with another one is not resumed
frame-N.png         picture N, counted from 1, if it was asked for by the setting snapshots
complete.json       identifies the complete result, whatever it has been renamed to
"""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from pipeline.errors import UserError, printable
from pipeline.recording.fingerprint import MADE_OF
from pipeline.recording.output import COMPLETE, SOURCE_PICTURE, SOURCE_VIDEO, remove
from pipeline.recording.seams import EDGES
from pipeline.storage.atomic import TEMPORARY

FIGURES = "figures.jsonl"
"""Name of the file with the metrics of each finished frame."""
PICTURES = ("state-*", "segment-*", "digest-*", EDGES, "last", "pictures-*")
FACTS = ("progress.json", FIGURES, MADE_OF)
RESUME_FILES = (*PICTURES, "whole*", "partial*", f"*{TEMPORARY}", "check-*", *FACTS)
"""Patterns of the files that only resuming needs, in the order in which they are removed.

Without a state nothing is resumed, so states come first.
"""
REGULAR_FILES = (
    "lock",
    COMPLETE,
    "report.json",
    "recipe.yaml",
    "render.log",
    "trace.json",
    "frame-*.png",
    SOURCE_VIDEO,
    SOURCE_PICTURE,
    *PICTURES,
    *FACTS,
)
"""Patterns of names in the folder that must belong to regular files."""
RANGE_FILES = ("segment-*", "digest-*", EDGES, FIGURES)
"""Patterns of the files of a frame range from which the video is joined."""


def snapshot(folder: Path, number: int) -> Path:
    """Return the path of a snapshot in a work folder. number: of the picture, from 1."""
    return folder / f"frame-{number:06d}.png"


def create_folder(folder: Path) -> None:
    """Create the work folder unless it exists. Raises UserError."""
    try:
        folder.mkdir(exist_ok=True)
    except OSError as error:
        raise UserError(
            f"output: {printable(folder)} must be writable, got "
            f"{error.strerror!r}; choose another folder"
        ) from error


def clean_up(folder: Path, keep: Collection[str] = ()) -> None:
    """Remove the files that only resuming needs. keep: patterns of those that are kept."""
    for pattern in RESUME_FILES:
        if pattern in keep:
            continue
        for path in folder.glob(pattern):
            remove(path)


def remove_temporary(folder: Path) -> None:
    """Remove the files left by killed processes. The caller must hold the lock of the folder."""
    for pattern in (f"*{TEMPORARY}", "check-*"):
        for temporary in folder.glob(pattern):
            remove(temporary)
