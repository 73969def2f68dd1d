"""Settings that were set and have no effect on this render."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import yaml

from pipeline.config.settings import PING_PONG

OF_SOURCE = (
    *("start", "end", "frames", "width", "height", "aspect", "fit", "fit_centre", "crop"),
    *("input",),
)
"""General settings that only the source takes, through references in its yaml."""
REFERENCE = re.compile(r"\$\{(\w+)\}")
WITHOUT_TIME = ("feedback", "still")
"""Sources whose pictures have no time of their own."""
RETIMING = ("rate", "speed", "sound")
"""General settings without effect on these."""
NOT_CARRYING = ("none", "fourier", "maco", "pixels")
"""Dreamers that grow no dream where there is none yet."""
INSTEAD = {
    "start": "schedule_start=2 begins later in schedules",
    "end": "source.seconds=5 sets the length",
    "rate": "source.rate=60 sets the frames per second",
}
"""Setting without effect on source=feedback -> what has that effect."""


def unused(
    settings: Mapping[str, Any],
    choices: Mapping[str, str],
    defaults: Mapping[str, Any],
    source_yaml: Mapping[str, Any],
    *,
    single: bool,
) -> Iterator[str]:
    """Yield a message for each setting that differs from its default and has no effect.

    settings: all settings, resolved. choices: group -> its choice. defaults: the settings in
    config.yaml. source_yaml: content of the yaml of the chosen source. single: whether each result
    is one picture.
    """
    used = {*REFERENCE.findall(yaml.safe_dump(dict(source_yaml)))}

    def is_set(key: str) -> bool:
        return bool(settings[key] != defaults[key])

    source = choices["source"]
    without_effect = [key for key in OF_SOURCE if key not in used]
    if source in WITHOUT_TIME:
        without_effect += RETIMING if settings["audio"] is None else RETIMING[:2]
    for key in filter(is_set, without_effect):
        advice = INSTEAD.get(key) if source == "feedback" else None
        yield f"{key}: has no effect on source={source}; {advice or 'leave it out'}"
    if settings["passes"] == 2 and (reason := single_pass_reason(choices, single=single)):
        yield f"passes: has no effect on {reason}; leave it out"
    if not single:
        return
    if settings["loop"] == PING_PONG:
        yield "loop: has no effect on a single picture; leave it out"
    if is_set("audio"):
        yield "audio: has no effect on a single picture: a picture has no sound; leave it out"
    if choices["camera"] != "still" and source != "feedback":
        yield (
            "camera: has no effect on a single picture: it moves a dream from frame to frame; "
            "set recipe=zoom"
        )


def single_pass_reason(choices: Mapping[str, str], *, single: bool) -> str | None:
    """Return what makes passes=2 ineffective, None if it has an effect.

    choices: group -> its choice. single: whether each result is one picture.
    """
    if single:
        return "a single picture"
    if choices["camera"] != "still":
        return f"a dream with camera={choices['camera']}, which moves it over the footage"
    if choices["flow"] == "none":
        return "a dream with flow=none, which does not follow the footage"
    if choices["dreamer"] in NOT_CARRYING:
        return f"dreamer={choices['dreamer']}, which grows no dream in what enters the frame"
    return None
