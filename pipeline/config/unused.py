"""Warnings about settings that were set and have no effect on this render."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Mapping
from typing import Any

import yaml

log = logging.getLogger(__name__)

OF_SOURCE = (
    *("start", "end", "frames", "width", "height", "aspect", "fit", "fit_centre", "crop"),
    *("input",),
)
"""General settings that only the source takes, through references in its yaml."""
REFERENCE = re.compile(r"\$\{(\w+)\}")
INSTEAD = {
    "start": "schedule_start=2 begins later in schedules",
    "end": "source.seconds=5 sets the length",
}
"""Setting without effect on a source that has no time -> what has that effect."""
SECOND_FRAME = {
    "loop": "a loop joins the end to the start",
    "audio": "a picture has no sound",
    "loop_seconds": "a loop joins the end to the start",
}
"""Setting without effect on a single picture -> the reason."""


def warn_of_unused(
    settings: Mapping[str, Any],
    choices: Mapping[str, str],
    defaults: Mapping[str, Any],
    source_yaml: Mapping[str, Any],
    *,
    single: bool,
) -> None:
    """Log a warning for each setting that differs from its default and has no effect.

    settings: all settings, resolved. choices: group -> its choice. defaults: the settings in
    config.yaml. source_yaml: content of the yaml of the chosen source. single: whether each result
    is one picture.
    """
    for message in unused(settings, choices, defaults, source_yaml, single=single):
        log.warning("%s", message)


def unused(
    settings: Mapping[str, Any],
    choices: Mapping[str, str],
    defaults: Mapping[str, Any],
    source_yaml: Mapping[str, Any],
    *,
    single: bool,
) -> Iterator[str]:
    """Yield the messages of `warn_of_unused`."""
    used = {*REFERENCE.findall(yaml.safe_dump(dict(source_yaml)))}

    def is_set(key: str) -> bool:
        return bool(settings[key] != defaults[key])

    for key in OF_SOURCE:
        if key not in used and is_set(key):
            advice = INSTEAD.get(key)
            yield f"{key}: has no effect on source={choices['source']}" + (
                f"; {advice}" if advice else "; leave it out"
            )
    if not single:
        return
    for key, reason in SECOND_FRAME.items():
        if is_set(key):
            yield f"{key}: has no effect on a single picture: {reason}; leave it out"
    if choices["camera"] != "still" and choices["source"] != "feedback":
        yield (
            "camera: has no effect on a single picture: it moves a dream from frame to frame; "
            "set recipe=zoom"
        )
