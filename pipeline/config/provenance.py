"""What of its settings a result tells, and which files they name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pipeline.storage.file_names import check_name

BESIDE = ("input", "mask", "guide", "audio")
"""Settings that name what is read."""
OF_MODELS = ("weights", "labels")
"""The same of a model, or of each of several."""
ELSEWHERE = (
    *("output", "overwrite", "device", "save_seconds", "limits", "sweep", "from", "part", "shots"),
)
"""Settings of which the same pictures come out, whatever they are; wherever they stand."""
ASKED = ("plan", "profile", "compile")
"""The same of those that are no part's: an encoder may have a profile of its own."""


def files(settings: Mapping[str, Any]) -> dict[str, Path]:
    """Return every file that these settings name, by the setting: input, model.labels ...

    Raises UserError for what can be no name of a file.
    """
    named = {key: settings[key] for key in BESIDE if settings[key] is not None}
    named |= dict(_of_models(settings))
    for key, name in named.items():
        check_name(key, name)
    return {key: Path(name) for key, name in named.items()}


def embedded_settings(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings, resolved, that make the picture: they go into the result.

    Where it was made, and on what, is left out, and so are the folders of its files: the same comes
    out elsewhere, and whoever gets the video need not know them.
    """
    bare = {str(path): path.name for path in files(settings).values()}
    making = {key: value for key, value in settings.items() if key not in ASKED}
    picture: dict[str, Any] = _replaced(making, bare)
    return picture


def _of_models(settings: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    def found(node: object, place: str) -> Iterator[tuple[str, str]]:
        if isinstance(node, Mapping):
            for key, value in node.items():
                if key in OF_MODELS and isinstance(value, str):
                    yield f"{place}.{key}", value
                yield from found(value, f"{place}.{key}")

    return found(settings["model"], "model")


def _replaced(node: Any, names: Mapping[str, str]) -> Any:
    """Return the same without what is of elsewhere, and with these strings replaced."""
    if isinstance(node, Mapping):
        picture = {key: value for key, value in node.items() if key not in ELSEWHERE}
        return {key: _replaced(value, names) for key, value in picture.items()}
    if isinstance(node, list):
        return [_replaced(item, names) for item in node]
    return names.get(node, node) if isinstance(node, str) else node
