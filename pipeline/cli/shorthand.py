"""Short forms on the command line: `dreamreel clip.mp4 -o dream.mp4 -y`."""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Sequence
from pathlib import Path

from pipeline.config.hydra_flags import OPTIONS, full_option
from pipeline.errors import UserError, printable
from pipeline.image_io.suffixes import is_picture, natural_order, visible_files
from pipeline.sweep.override_grammar import is_quoted

FLAGS = {"-o": "output", "--output": "output", "-y": "overwrite", "--yes": "overwrite"}
"""Option -> the setting that it stands for."""
VIDEOS = (
    *(".mp4", ".mov", ".mkv", ".webm", ".avi", ".m4v", ".mpg", ".mpeg", ".ts", ".mts", ".m2ts"),
    *(".wmv", ".flv", ".ogv", ".3gp", ".mxf"),
)
"""Suffixes of the files in a folder that are taken for videos."""
KEY_VALUE = re.compile(r"[~+]*[A-Za-z_][\w.@/]*=")
"""How an argument begins that sets something; a URL may hold an equals sign too."""


def expand(arguments: Sequence[str]) -> list[str]:
    """Return the arguments with a bare file name as input=, -o FILE as output= and -y.

    With -m, several files are the values of input=. Raises UserError for -o without a file.
    """
    words, names = _words(arguments)
    if not _is_sweep(arguments):
        return words
    files = [file for name in names for file in _files(name)]
    if files == names and len(files) < 2:
        return words
    if any("," in file for file in files):
        raise UserError(
            "input: must be names without a comma in a sweep of several files, got "
            f"{printable(next(file for file in files if ',' in file))}; rename it"
        )
    return [*_without_input(words), f"input={','.join(files)}"]


def each_input(arguments: Sequence[str]) -> dict[str, list[str]]:
    """Return the arguments of each render by its input; without several inputs, of the only one.

    Several names, a pattern such as "*.mp4" and a folder of videos are several inputs, each of
    which is rendered by itself. Raises UserError.
    """
    if _is_sweep(arguments):
        return {"": list(arguments)}
    words, names = _words(arguments)
    files = [file for name in names for file in _files(name)]
    if files == names[:1]:
        return {"": list(arguments)}
    others = _without_input(words)
    if output := next((word for word in others if word.startswith("output=")), None):
        raise UserError(
            f"output: must be left out for {len(files)} inputs, got "
            f"{printable(output.removeprefix('output='))}; each result is named after its input"
        )
    by_stem: dict[str, str] = {}
    for file in files:
        other = by_stem.setdefault(Path(file).stem.casefold(), file)
        if other != file:
            raise UserError(
                "input: must be files of different names, since each result is named after its "
                f"input, got {printable(other)} and {printable(file)}; render one of them by itself"
            )
    return {file: [*others, f"input={file}"] for file in files}


def _words(arguments: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return the arguments with their short forms written out, and the inputs that they name.

    These are all bare names, and the last of the input= settings, as the last value of a setting
    counts. Raises UserError.
    """
    result: list[str] = []
    bare: list[str] = []
    last: list[str] = []
    remaining = iter(arguments)
    for argument in remaining:
        name, equals, value = argument.partition("=")
        if option := full_option(argument):
            result.append(argument)
            result += [next(remaining, "") for _ in range(0 if equals else OPTIONS[option])]
        elif FLAGS.get(name) == "overwrite":
            result.append("overwrite=true")
        elif name in FLAGS:
            file = value if equals else next(remaining, "")
            if not file or KEY_VALUE.match(file):
                raise UserError(f"{name}: must be followed by a file, got none; write {name} FILE")
            result.append(f"output={file}")
        elif _is_input(argument):
            bare.append(argument)
            result.append(f"input={argument}")
        else:
            result.append(argument)
            last = [value] if name == "input" else last
    return result, [*bare, *last]


def _without_input(words: Sequence[str]) -> list[str]:
    return [word for word in words if not word.startswith("input=")]


def _is_sweep(arguments: Sequence[str]) -> bool:
    return bool({"-m", "--multirun"} & {*map(full_option, arguments)})


def _files(name: str) -> list[str]:
    """Return the files that an input names, each of which is rendered by itself.

    They are the matches of a pattern, or the videos of a folder without pictures; else the name
    itself. Raises UserError if nothing matches.
    """
    if not name:  # the path of no name is the current folder
        return [name]
    if is_file_name(name):
        return _videos(Path(name)) or [name]
    if not glob.has_magic(name) or "://" in name or is_quoted(name):
        return [name]
    matches = sorted(map(Path, glob.glob(os.path.expanduser(name))), key=natural_order)  # noqa: PTH111, PTH207
    if not matches:
        raise UserError(
            f"input: must match at least one file, got {printable(name)}; check the pattern"
        )
    return list(map(str, matches))


def _videos(folder: Path) -> list[str]:
    """Return the videos of a folder without pictures, in natural order; none if it has pictures."""
    if not folder.is_dir():
        return []
    files = visible_files(folder)
    if any(map(is_picture, files)):
        return []
    videos = (file for file in files if file.suffix.lower() in VIDEOS)
    return list(map(str, sorted(videos, key=natural_order)))


def is_file_name(name: str) -> bool:
    """Return whether a file or folder with this name exists."""
    try:
        return Path(name).exists()
    except (OSError, ValueError):  # a name that no disk can hold
        return False


def _is_input(argument: str) -> bool:
    """Return whether an argument names a file, existing or not, rather than a setting."""
    if argument.startswith(("-", "~")) and not argument.startswith("~/"):
        return False
    if KEY_VALUE.match(argument):
        return False
    return "://" in argument or "/" in argument or "." in argument or is_file_name(argument)
