"""The command line before Hydra reads it: names quoted, choices implied by suffix."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

PATHS = ("input", "output", "mask", "guide", "from")
"""Keys whose value is a file name, whatever characters it has."""

PICTURES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff", ".ppm", ".pgm", ".exr")
"""Suffixes of inputs that are single pictures; a .gif is a video."""

ENCODERS = {
    ".mp4": "h264",
    ".m4v": "h264",
    ".mov": "prores",
    ".mkv": "ffv1",
    ".webm": "webm",
    ".gif": "gif",
    ".png": "images",
    ".jpg": "images",
    ".jpeg": "images",
    "": "images",
}
"""The suffix of an output -> the encoder that is meant where none is named."""


def prepared(arguments: Sequence[str]) -> list[str]:
    """The arguments with file names quoted, source and encoder added where names imply them.

    Hydra's grammar gives ( ) [ ] { } , = ' and more a meaning, and refuses non-ASCII letters; in
    the value of a path they are just letters. A comma in a sweep (-m) parts values, unless a file
    of the whole name exists.
    """
    sweeping = any(argument in ("-m", "--multirun") for argument in arguments)
    quoted = [_quoted(argument, sweeping=sweeping) for argument in arguments]
    return [*quoted, *_implied(arguments)]


def _quoted(argument: str, *, sweeping: bool) -> str:
    key, equals, value = argument.partition("=")
    if not equals or key.lstrip("+") not in PATHS or value in ("", "null") or _is_quoted(value):
        return argument
    if sweeping and "," in value and not Path(value).exists():
        return f"{key}=" + ",".join(quote(part) for part in value.split(","))
    return f"{key}={quote(value)}"


def quote(text: str) -> str:
    """The text as Hydra's grammar writes it down, so that it comes out as it went in."""
    # OmegaConf would resolve ${...}, even in a file's name: escape it, and the backslashes before.
    # Then Hydra's own rule: within single quotes a quote is escaped, and backslashes before one.
    head, *rest = text.split("${")
    text = head
    for part in rest:
        text = _doubled_at_end(text) + "\\${" + part
    pieces = text.split("'")
    return "'" + "\\'".join(_doubled_at_end(piece) for piece in pieces) + "'"


def _doubled_at_end(text: str) -> str:
    """The text with the backslashes that end it doubled."""
    bare = text.rstrip("\\")
    return bare + "\\" * 2 * (len(text) - len(bare))


def _is_quoted(value: str) -> bool:
    return len(value) >= 2 and value[0] == value[-1] and value[0] in "'\""


def _implied(arguments: Sequence[str]) -> Iterator[str]:
    """The choices of groups that file names imply and that were not made."""
    given = dict(a.partition("=")[::2] for a in arguments if "=" in a)
    input_, output = given.get("input", ""), given.get("output", "null")
    pictures = bool(input_) and is_pictures(input_)
    if "source" not in given and pictures:
        yield "source=images"
    if "encoder" in given:
        return
    if output != "null":
        suffix = Path(output.strip("'\"")).suffix.lower()
        if suffix in ENCODERS:
            yield f"encoder={ENCODERS[suffix]}"
    elif pictures and Path(input_).suffix.lower() in PICTURES and "%" not in input_:
        yield "encoder=images"


def is_pictures(name: str) -> bool:
    """Whether this input is a picture, a folder, or a numbered pattern, rather than a video."""
    path = Path(name)
    return path.suffix.lower() in PICTURES or path.is_dir()
