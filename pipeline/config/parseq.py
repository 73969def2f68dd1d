"""Camera moves from a file that Parseq has exported for Deforum: from_parseq=FILE."""

from __future__ import annotations

import json
import logging
import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from pipeline.errors import UserError, errors_of, printable
from pipeline.storage.file_names import check_name
from pipeline.storage.input_file import open_binary
from pipeline.sweep.override_grammar import quote

log = logging.getLogger(__name__)

KEY = "from_parseq"
FIELDS = ("zoom", "angle", "translation_x", "translation_y")
"""Fields of a frame that are settings of camera=deforum."""
IN_SPACE = ("translation_z", "rotation_3d_x", "rotation_3d_y", "rotation_3d_z")
"""Fields of motion in space, which are not used."""
MAX_BYTES = 256 << 20
"""Maximum size of the file."""
MAX_FRAMES = 20_000
"""Maximum number of frames."""
STRAIGHT = 1e-12
"""Largest second difference of values that lie on a straight line."""


def split_parseq(arguments: Sequence[str]) -> tuple[Path | None, list[str]]:
    """Return the path that from_parseq= names (None if it is not given) and all other arguments.

    Raises UserError for a name that is not valid.
    """
    path, rest = None, []
    for argument in arguments:
        key, equals, value = argument.partition("=")
        if key != KEY or not equals:
            rest.append(argument)
        elif (name := value.strip("'\"")) not in ("", "null"):
            check_name(KEY, name)
            path = Path(name).expanduser()
    return path, rest


def overrides_of_parseq(path: Path, arguments: Sequence[str]) -> list[str]:
    """Return the overrides that move the camera as the frames of the file say.

    As in Deforum, the fields of changes (zoom_delta ...) are used where the file has them. With
    recipe=zoom its number of frames and its frame rate are used too. Settings that the command
    itself sets are left out. arguments: the command's own. Raises UserError.
    """
    given = dict(argument.lstrip("+~").partition("=")[::2] for argument in arguments)
    if "camera" in given:
        raise UserError(
            f"{KEY}: must be the only camera, got camera={printable(given['camera'])} too; "
            "leave one of them out"
        )
    content = _read(path)
    frames = _frames(content, path)
    found = {"camera": "deforum"}
    if ignored := [name for name in IN_SPACE if any(map(float, _values(frames, name, path)))]:
        log.warning("%s: %s: motion in space is not used", printable(path), ", ".join(ignored))
    for name in FIELDS:
        if values := _values(frames, name, path):
            found[f"camera.{name}"] = quote(_keyframes(values))
    if given.get("recipe") == "zoom":
        found["frames"] = str(len(frames))
        options = content.get("options")
        rate = options.get("output_fps") if isinstance(options, Mapping) else None
        if isinstance(rate, int | float) and not isinstance(rate, bool) and 0 < rate <= 1000:
            found["source.rate"] = f"{rate:g}"
    return [f"{key}={value}" for key, value in found.items() if key not in given]


def _read(path: Path) -> Mapping[str, Any]:
    """Return the content of the file. Raises UserError."""
    with errors_of(KEY), open_binary(path) as file:
        data = file.read(MAX_BYTES + 1)
    try:
        content = json.loads(data) if len(data) <= MAX_BYTES else None
    except (ValueError, RecursionError):
        content = None
    if not isinstance(content, Mapping):
        raise _wrong(path, "something else")
    return content


def _frames(content: Mapping[str, Any], path: Path) -> list[Mapping[str, Any]]:
    """Return the rendered frames, in order, from 0 on. Raises UserError."""
    frames = content.get("rendered_frames")
    if not isinstance(frames, list) or not frames:
        raise _wrong(path, "no rendered_frames")
    if len(frames) > MAX_FRAMES:
        raise _wrong(path, f"more than {MAX_FRAMES} frames")
    for index, frame in enumerate(frames):
        if not isinstance(frame, Mapping) or frame.get("frame", index) != index:
            raise _wrong(path, f"something else than frame {index} at its place")
    return frames


def _values(frames: Sequence[Mapping[str, Any]], name: str, path: Path) -> list[float]:
    """Return the value of a field in each frame; empty if the file does not have it.

    Raises UserError.
    """
    key = f"{name}_delta" if f"{name}_delta" in frames[0] else name
    if key not in frames[0]:
        return []
    values = []
    for index, frame in enumerate(frames):
        value: Any = frame.get(key)
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        if not is_number or not math.isfinite(value):
            raise _wrong(path, f"{key} {printable(value)[:40]} in frame {index}")
        values.append(float(value))
    return values


def _keyframes(values: Sequence[float]) -> str:
    """Return keyframes with these values, without those on a straight line between others."""

    def keys() -> Iterator[str]:
        for index, value in enumerate(values):
            inner = 0 < index < len(values) - 1
            if inner and abs(values[index - 1] - 2 * value + values[index + 1]) <= STRAIGHT:
                continue
            yield f"{index}: {value:.12g}"

    return ", ".join(keys())


def _wrong(path: Path, got: str) -> UserError:
    return UserError(
        f"{KEY}: must be a JSON file that Parseq has exported, with rendered_frames, got "
        f"{printable(path)} with {got}; export it again"
    )
