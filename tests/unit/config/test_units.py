"""Numbers with units: what was meant is said in the settings' own units."""

from __future__ import annotations

import pytest

from pipeline.config.compose import check, compose_settings
from pipeline.config.units import meant_number
from pipeline.errors import UserError


@pytest.mark.parametrize(
    ("key", "text", "meant"),
    [
        ("start", "0:03", "start=3"),
        ("start", "1:02:03.5", "start=3723.5"),
        ("end", "90s", "end=90"),
        ("end", "1m30s", "end=90"),
        ("end", "2 min", "end=120"),
        ("end", "1h 2m 3s", "end=3723"),
        ("start", "0s", "start=0"),
        ("width", "1080p", "height=1080"),  # the p counts lines
        ("height", "720p", "height=720"),
        ("width", "1920x1080", "width=1920 height=1080"),
        ("height", "1920 x 1080", "width=1920 height=1080"),
        ("width", "640px", "width=640"),
        ("source.rate", "25 fps", "source.rate=25"),
        ("start", "", ""),
        ("start", "soon", ""),
        ("start", "1080p", ""),
        ("width", "0:03", ""),
        ("frames", "0:03", ""),
    ],
)
def test_a_number_with_a_unit_is_understood(key: str, text: str, meant: str) -> None:
    assert meant_number(key, text) == meant


@pytest.mark.parametrize(
    ("argument", "line"),
    [
        ("start=0:03", "start: must be a number, got '0:03'; set start=3"),
        ("width=1080p", "width: must be a whole number, got '1080p'; set height=1080"),
        ("start=soon", "start: must be a number, got 'soon'; set start=null"),
    ],
)
def test_the_remedy_is_the_right_form(argument: str, line: str) -> None:
    with pytest.raises(UserError) as caught:
        check(*compose_settings("input=clip.mp4", argument))
    assert str(caught.value) == line
    check(*compose_settings("input=clip.mp4", line.rpartition("set ")[2]))
