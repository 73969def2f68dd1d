"""Suffixes of picture files, and the distinction between pictures and videos."""

from __future__ import annotations

import re
from pathlib import Path

SUFFIXES = (
    *(".png", ".jpg", ".jpeg", ".jpe", ".bmp", ".tif", ".tiff"),
    *(".webp", ".ppm", ".pgm", ".pbm", ".jp2"),
)
"""Suffixes of files that can be read as pictures."""
HEAD = 1 << 20
"""Number of bytes at the start of a file within which an animation is declared."""


def is_pictures(name: str) -> bool:
    """Return whether the input is a picture, a folder or a numbered pattern, not a video."""
    path = Path(name)
    return path.is_dir() or (path.suffix.lower() in SUFFIXES and not _is_animated(path))


def is_picture(file: Path) -> bool:
    """Return whether the file's suffix is that of a picture format that can be read."""
    return file.suffix.lower() in SUFFIXES


def visible_files(folder: Path) -> list[Path]:
    """Return the files in a folder that are not hidden, in no order; other folders are none."""
    return [file for file in folder.iterdir() if file.name[0] != "." and not file.is_dir()]


def natural_order(path: Path) -> tuple[list[str | int], str]:
    """Return a key that sorts numbers in names by their value: a9.png before a10.png."""
    parts = re.split(r"([0-9]+)", path.name.casefold())
    return [int(part) if part.isdigit() else part for part in parts], path.name


def _is_animated(path: Path) -> bool:
    """Return whether the file is an animated WebP or PNG, a GIF or an animated AVIF: a video."""
    if not path.is_file():  # opening a pipe would block
        return False
    try:
        with path.open("rb") as file:
            head = file.read(HEAD)
    except OSError:
        return False
    webp = head.startswith(b"RIFF") and head[8:16] == b"WEBPVP8X" and len(head) > 20
    png = head.startswith(b"\x89PNG") and b"acTL" in head.partition(b"IDAT")[0]
    gif, avif = head.startswith((b"GIF87a", b"GIF89a")), head[4:12] == b"ftypavis"
    return png or gif or avif or (webp and bool(head[20] & 2))
