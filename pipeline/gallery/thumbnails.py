"""Posters of the jobs' results, and small videos of those that no browser plays.

They are in SWEEP/gallery/. Each is made once: its name depends on the version of the result. An
empty file stands for one that cannot be made, so that it is not tried again.
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
GENERATED = re.compile(r"[0-9a-f]{16}\.(webp|mp4)")
WIDTH = 640
"""Maximum width of a poster or a copy in pixels."""
SECONDS = 60
"""Time limit for making a poster or a copy, in seconds."""
RATE = Fraction(25)
"""Frame rate, in frames/s, of numbered PNGs if no report states it."""
SMALL = f"scale='min({WIDTH},iw)':-1:flags=area"
SMALL_AND_EVEN = f"scale='trunc(min({WIDTH},iw+1)/2)*2':-2:{SCALED},{TAGGED}"
POSTER = ("-an", "-sn", "-frames:v", "1", "-c:v", "libwebp", "-quality", "80", "-f", "image2pipe")
COPY = (*H264, "-crf", "20", *MP4)


def folder_of_pictures(sweep: Path) -> Path:
    """Return SWEEP/gallery, created if it is missing. Raises UserError if it cannot be."""
    folder = sweep / FOLDER
    with disk_errors(folder):
        folder.mkdir(exist_ok=True)
    if not is_folder(folder):
        raise UserError(
            f"sweep: must contain {FOLDER} as a folder, got a link at {printable(folder)}; "
            "remove it"
        )
    return folder


def poster(media: Media, seconds: float | None, folder: Path) -> Path:
    """Return the poster of a result: its middle frame, or the latest one if it is partial.

    The file is empty if none can be made. seconds: duration. None: unknown, the first frame is
    used.
    """
    path = folder / _name(media, "webp")
    if path.exists():
        return path
    options = ("-vf", SMALL, *POSTER)
    if media.kind is Kind.FRAMES:
        frames = numbered(media.path)
        chosen = frames[-1:] if media.partial else frames[len(frames) // 2 :][:1]
        done = bool(chosen) and convert_preview(chosen, path, options, seconds=SECONDS)
        return path if done else _empty(path)
    seek = ["-sseof", "-0.1"] if media.partial else ["-ss", str((seconds or 0) / 2)]
    if media.kind is Kind.PICTURE:
        seek = []
    for before in (seek, []):  # a short video may have no frame there: try its beginning
        if convert_preview([media.path], path, options, before=before, seconds=SECONDS):
            return path
    return _empty(path)


def copy(media: Media, rate: Fraction | None, folder: Path) -> Path:
    """Return a small video of a result that browsers cannot play; an empty file if this fails.

    rate: of numbered PNGs, in frames/s. None: RATE.
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


def delete_stale(folder: Path, kept: Collection[Path]) -> None:
    """Delete the posters and copies in the folder that are not in `kept`."""
    for path in folder.iterdir():
        if GENERATED.fullmatch(path.name) and path not in kept:
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
