"""Posters of what the jobs made, and small videos of what no browser plays.

They lie in SWEEP/gallery/, each made once: another file has another name. What cannot be made is an
empty one, so that it is not tried again and again.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection
from fractions import Fraction
from pathlib import Path

from pipeline.errors import UserError, printable
from pipeline.gallery.convert import H264, MP4, SCALED, TAGGED, convert_preview
from pipeline.gallery.media import Kind, Media, is_folder, numbered
from pipeline.storage.atomic import disk_errors

FOLDER = "gallery"
OURS = re.compile(r"[0-9a-f]{16}\.(webp|mp4)")
WIDTH = 640
"""Pixels of a poster or a copy, at most."""
SECONDS = 60
"""How long making one may take."""
RATE = Fraction(25)
"""Frames/s of numbered PNGs of which no report says it."""
SMALL = f"scale='min({WIDTH},iw)':-1:flags=area"
SMALL_AND_EVEN = f"scale='trunc(min({WIDTH},iw+1)/2)*2':-2:{SCALED},{TAGGED}"
POSTER = ("-an", "-sn", "-frames:v", "1", "-c:v", "libwebp", "-quality", "80", "-f", "image2pipe")
COPY = (*H264, "-crf", "20", *MP4)


def folder_of_pictures(sweep: Path) -> Path:
    """Return the folder, made if it is not there. Raises UserError if it cannot be."""
    folder = sweep / FOLDER
    with disk_errors(folder):
        folder.mkdir(exist_ok=True)
    if not is_folder(folder):
        raise UserError(f"sweep: {printable(folder)} must be a folder, got a link; take it away")
    return folder


def poster(media: Media, seconds: float | None, folder: Path) -> Path:
    """Return a picture of it: of its middle, or of the newest that is there; empty = none can be
    made.

    seconds: how long it plays, None = unknown.
    """
    path = folder / _name(media, "webp")
    if path.exists():
        return path
    options = ("-vf", SMALL, *POSTER)
    if media.kind is Kind.FRAMES:
        every = numbered(media.path)
        chosen = every[-1:] if media.partial else every[len(every) // 2 :][:1]
        done = bool(chosen) and convert_preview(chosen, path, options, seconds=SECONDS)
        return path if done else _empty(path)
    there = ["-sseof", "-0.1"] if media.partial else ["-ss", str((seconds or 0) / 2)]
    if media.kind is Kind.PICTURE:
        there = []
    for before in (there, []):  # one so short that there is nothing there begins somewhere
        if convert_preview([media.path], path, options, before=before, seconds=SECONDS):
            return path
    return _empty(path)


def copy(media: Media, rate: Fraction | None, folder: Path) -> Path:
    """Return a small video of what browsers cannot play; empty = none can be made.

    rate: of numbered PNGs, frames/s.
    """
    path = folder / _name(media, "mp4")
    if path.exists():
        return path
    options = ("-vf", SMALL_AND_EVEN, *COPY)
    if media.kind is Kind.FRAMES:
        before = ("-framerate", str(rate or RATE))
        done = convert_preview(
            [], path, options, before=before, pictures=numbered(media.path), seconds=SECONDS
        )
    else:
        done = convert_preview([media.path], path, options, seconds=SECONDS)
    return path if done else _empty(path)


def tidy(folder: Path, kept: Collection[Path]) -> None:
    """Take away those that show what is no more."""
    for path in folder.iterdir():
        if OURS.fullmatch(path.name) and path not in kept:
            path.unlink(missing_ok=True)


def _name(media: Media, suffix: str) -> str:
    identity = f"{media.path.parent.name}/{media.path.name} {media.version} {media.partial}"
    if media.partial:
        identity = f"{media.path.parent.parent.name}/{identity}"
    return f"{hashlib.sha1(identity.encode('utf-8', 'surrogateescape')).hexdigest()[:16]}.{suffix}"


def _empty(path: Path) -> Path:
    with disk_errors(path):
        path.touch()
    return path
