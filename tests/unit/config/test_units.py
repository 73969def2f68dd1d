"""Numbers with units: what was meant is said in the settings' own units."""

from __future__ import annotations

import pytest

from pipeline.config.compose import check, compose_settings
from pipeline.config.units import meant_number
from pipeline.errors import UserError


@pytest.mark.parametrize(
    ("key", "text", "meant"),
    [
        ("loop_seconds", "0:03", "loop_seconds=3"),
        ("loop_seconds", "1:02:03.5", "loop_seconds=3723.5"),
        ("loop_seconds", "90s", "loop_seconds=90"),
        ("loop_seconds", "1m30s", "loop_seconds=90"),
        ("loop_seconds", "2 min", "loop_seconds=120"),
        ("loop_seconds", "1h 2m 3s", "loop_seconds=3723"),
        ("loop_seconds", "0s", "loop_seconds=0"),
        ("width", "1080p", "height=1080"),  # the p counts lines
        ("height", "720p", "height=720"),
        ("width", "1920x1080", "width=1920 height=1080"),
        ("height", "1920 x 1080", "width=1920 height=1080"),
        ("width", "640px", "width=640"),
        ("source.rate", "25 fps", "source.rate=25"),
        ("loop_seconds", "", ""),
        ("loop_seconds", "soon", ""),
        ("loop_seconds", "1080p", ""),
        ("width", "0:03", ""),
        ("frames", "0:03", ""),
    ],
)
def test_a_number_with_a_unit_is_understood(key: str, text: str, meant: str) -> None:
    assert meant_number(key, text) == meant


@pytest.mark.parametrize(
    ("argument", "line"),
    [
        (
            "recipe=zoom source.seconds=0:03",
            "source.seconds: must be a number, got '0:03'; set source.seconds=3",
        ),
        (
            "rate=60fps",
            "rate: must be null or frames per second, a number or a fraction such as "
            "30000/1001, got '60fps'; set rate=60",
        ),
        (
            "aspect=portrait",
            "aspect: must be a ratio of width to height such as 16:9, 9:16, 1:1 or "
            "2.39, got 'portrait'; set aspect=9:16",
        ),
        ("aspect=0", "aspect: must be at least 0.05, got 0; set aspect=null"),
        ("width=1080p", "width: must be a whole number, got '1080p'; set height=1080"),
        (
            "start=soon",
            "start: must be a number of seconds, or a time such as 0:03, got 'soon'; "
            "set start=null",
        ),
    ],
)
def test_the_remedy_is_the_right_form(argument: str, line: str) -> None:
    with pytest.raises(UserError) as caught:
        check(*compose_settings("input=clip.mp4", *argument.split()))
    assert str(caught.value) == line
    fixed = *argument.split()[:-1], line.rpartition("set ")[2]
    check(*compose_settings("input=clip.mp4", *fixed))
