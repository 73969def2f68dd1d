"""Numbers with units, as other programs take them: 0:03, 1080p, 1920x1080, 2s."""

from __future__ import annotations

import re

from pipeline.source.extent import parse_time

TIME_KEYS = ("loop_seconds", "schedule_start", "save_seconds", "source.seconds")
"""Settings in seconds."""
CLOCK_KEYS = ("start", "end")
"""Settings that take times such as 0:03 themselves."""
SIZE = re.compile(r"(\d+) ?[x\u00d7*] ?(\d+)")
"""Width and height of a picture: 1920x1080."""
LINES = re.compile(r"(\d+)[pi]")
"""Height of a picture: 1080p."""
PIXELS = re.compile(r"(\d+) ?(?:px|pixels)")
ASPECTS = {
    **dict.fromkeys(("portrait", "vertical", "tiktok", "reel", "story"), "9:16"),
    **dict.fromkeys(("landscape", "horizontal", "wide", "widescreen"), "16:9"),
    "square": "1:1",
}
"""Names of aspect ratios."""
RATE = re.compile(r"(\d+(?:\.\d+)?) ?(?:fps|hz)")


def meant_number(key: str, text: str) -> str:
    """Return the settings, KEY=VALUE, that this text was meant to be for a setting; "" if unknown.

    key: the setting, whose value must be a number without a unit.
    """
    text = text.strip().lower()
    if key in TIME_KEYS and isinstance(seconds := parse_time(text), float):
        return f"{key}={seconds:.10g}"
    if key in ("width", "height"):
        if match := SIZE.fullmatch(text):
            return f"width={match[1]} height={match[2]}"
        if match := LINES.fullmatch(text):
            return f"height={match[1]}"
        if match := PIXELS.fullmatch(text):
            return f"{key}={match[1]}"
    if key == "aspect" and text in ASPECTS:
        return f"aspect={ASPECTS[text]}"
    if key in ("rate", "source.rate") and (match := RATE.fullmatch(text)):
        return f"{key}={match[1]}"
    return ""
