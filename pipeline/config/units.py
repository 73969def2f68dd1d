"""Numbers with units, as other programs take them: 0:03, 1080p, 1920x1080, 2s."""

from __future__ import annotations

import re

TIME_KEYS = ("start", "end", "loop_seconds", "schedule_start", "save_seconds", "source.seconds")
"""Settings in seconds."""
CLOCK = re.compile(r"(?:(?:(\d+):)?(\d+):)?(\d+(?:\.\d*)?)")
"""A time as hours, minutes and seconds: 1:02:03.5."""
SPELT = re.compile(r"(?:(\d+) ?h)? ?(?:(\d+) ?m(?:in)?)? ?(?:(\d+(?:\.\d*)?) ?s(?:ec)?)?")
"""A time with units: 1h2m3.5s."""
SIZE = re.compile(r"(\d+) ?[x\u00d7*] ?(\d+)")
"""Width and height of a picture: 1920x1080."""
LINES = re.compile(r"(\d+)[pi]")
"""Height of a picture: 1080p."""
PIXELS = re.compile(r"(\d+) ?(?:px|pixels)")
RATE = re.compile(r"(\d+(?:\.\d+)?) ?(?:fps|hz)")


def meant_number(key: str, text: str) -> str:
    """Return the settings, KEY=VALUE, that this text was meant to be for a setting; "" if unknown.

    key: the setting, whose value must be a number without a unit.
    """
    text = text.strip().lower()
    if key in TIME_KEYS and (match := CLOCK.fullmatch(text) or SPELT.fullmatch(text)):
        hours, minutes, seconds = (float(part or 0) for part in match.groups())
        return f"{key}={3600 * hours + 60 * minutes + seconds:.10g}" if any(match.groups()) else ""
    if key in ("width", "height"):
        if match := SIZE.fullmatch(text):
            return f"width={match[1]} height={match[2]}"
        if match := LINES.fullmatch(text):
            return f"height={match[1]}"
        if match := PIXELS.fullmatch(text):
            return f"{key}={match[1]}"
    if key == "source.rate" and (match := RATE.fullmatch(text)):
        return f"{key}={match[1]}"
    return ""
