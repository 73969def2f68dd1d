"""The settings that are embedded in a result, and the files that settings name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pipeline.storage.file_names import check_name

INPUT_KEYS = ("input", "mask", "guide", "audio", "midi")
"""Settings that name input files."""
MODEL_FILE_KEYS = ("weights", "labels")
"""Settings of a model, or of each of several models, that name files."""
RUN_KEYS = (
    *("output", "overwrite", "device", "save_seconds", "limits", "sweep", "from", "from_parseq"),
    *("part", "shots"),
)
"""Settings that do not affect the pictures, at any nesting depth."""
MODE_KEYS = ("plan", "profile", "compile", "snapshots", "explain")
"""Settings that do not affect the pictures, at the top level only: an encoder may have a `profile`
of its own, and a dreamer `snapshots`."""


def files(settings: Mapping[str, Any]) -> dict[str, Path]:
    """Return every file that these settings name, by its setting: input, model.labels ...

    Raises UserError for a value that cannot be the name of a file.
    """
    paths = {key: settings[key] for key in INPUT_KEYS if settings.get(key) is not None}
    stems = settings.get("stems")
    paths |= {f"audio.{n}": path for n, path in stems.items()} if isinstance(stems, Mapping) else {}
    paths |= dict(_model_files(settings))
    for key, name in paths.items():
        check_name(key, name)
    return {key: Path(name) for key, name in paths.items()}


def embedded_settings(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return the resolved settings that determine the pictures, to be embedded in the result.

    Settings of where and how it was rendered are left out, and so are the folders of its files:
    they do not affect the pictures, and recipients of the video need not know them.
    """
    base_names = {str(path): path.name for path in files(settings).values()}
    remaining = {key: value for key, value in settings.items() if key not in MODE_KEYS}
    result: dict[str, Any] = _strip_location(remaining, base_names)
    return result


def _model_files(settings: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    def find(node: object, place: str) -> Iterator[tuple[str, str]]:
        if isinstance(node, Mapping):
            for key, value in node.items():
                if key in MODEL_FILE_KEYS and isinstance(value, str):
                    yield f"{place}.{key}", value
                yield from find(value, f"{place}.{key}")

    return find(settings["model"], "model")


def _strip_location(node: Any, names: Mapping[str, str]) -> Any:
    """Return the settings without those in ELSEWHERE, and with the strings in `names` replaced."""
    if isinstance(node, Mapping):
        result = {key: value for key, value in node.items() if key not in RUN_KEYS}
        return {key: _strip_location(value, names) for key, value in result.items()}
    if isinstance(node, list):
        return [_strip_location(item, names) for item in node]
    return names.get(node, node) if isinstance(node, str) else node
