"""pipeline.config.timeline: the parts at each frame, all of them tried before the first."""

from __future__ import annotations

from fractions import Fraction
from functools import partial
from typing import Any

import pytest
import yaml
from helpers.stages import CONF

from pipeline.config.instantiate import ScheduledConfig
from pipeline.config.timeline import Timeline, timeline
from pipeline.errors import UserError
from pipeline.frame import Clip
from pipeline.schedule import SOUND, parse

CLIP = Clip(48, 64, Fraction(25), 100)
CHOSEN = {"camera": "zoom", "warp": "layer", "governor": "none", "dreamer": "octaves",
          "objective": "norm"}  # fmt: skip


class Heard:
    """A sound whose bass is the frame over a hundred."""

    def at(self, index: int) -> dict[str, float]:
        """The figures."""
        return {**dict.fromkeys(SOUND, 0.0), "bass": index / 100}


def made(first: int = 0, **changes: Any) -> Timeline:
    """The timeline of the default parts, GROUP__NAME changed. first: number of the first frame."""
    templates = {}
    for group, name in CHOSEN.items():
        settings = yaml.safe_load((CONF / group / f"{name}.yaml").read_text())
        settings |= {key.partition("__")[2]: value for key, value in changes.items()
                     if key.startswith(f"{group}__")}  # fmt: skip
        read = partial(parse, rate=25.0, count=CLIP.count)
        templates[group] = ScheduledConfig.of(settings, group, read, trusted=["pipeline"])
    return timeline(templates, CLIP, lambda *_: Heard(), first=first)


def test_what_does_not_change_is_built_once() -> None:
    moments = made()
    assert moments(0).dreamer is moments(99).dreamer
    assert moments(0) == moments(99)


def test_any_number_of_any_part_may_change() -> None:
    moments: Any = made(
        camera__zoom_per_second="0s: 1, 4s: 2",
        camera__centre=["0.5 + 0.1*sin(t)", 0.5],
        warp__persistence="1 - frame/200",
        dreamer__iterations="10 + t",
        objective__weights=["0.1 + bass"],
    )
    now = moments(50)
    assert now.camera.zoom_per_second == pytest.approx(1.5)
    assert now.camera.centre[0] == pytest.approx(0.5909, abs=1e-4)
    assert now.warp.persistence == 0.75
    assert now.dreamer.iterations == 12  # a whole number stays one
    assert now.objective.weights == (0.6,)
    assert moments(50) == now


def test_what_fails_at_any_frame_is_said_before_the_first() -> None:
    rule = r"camera.zoom_per_second: must be at least 0.01, got 0.0 at 2.00 s .frame 50."
    with pytest.raises(UserError, match=rule):
        made(camera__zoom_per_second="1 - t/2")
    with pytest.raises(UserError, match=r"warp.persistence: must use known variables, got 'bas'"):
        made(warp__persistence="bas")
    with pytest.raises(UserError, match=r"camera.centre.1: must be a valid expression"):
        made(camera__centre=[0.5, "1+"])


def test_text_and_switches_are_no_schedules() -> None:
    with pytest.raises(UserError, match=r"warp.border: must be 'reflect' or 'wrap'"):
        made(warp__border="t")


def test_the_sound_is_heard_only_if_it_is_asked_for() -> None:
    assert made().sound is None
    assert made(warp__persistence="bass").sound is not None


def test_a_schedule_may_be_begun_in_its_middle() -> None:
    changes = {"camera__zoom_per_second": "0: 1, 50: 1.5, 100: 3, 150: 1",
               "camera__centre": ["0.5 + t/100", "count/200"],
               "objective__weights": ["0.1 + bass"]}  # fmt: skip
    whole: Any = made(**changes)
    later: Any = made(first=50, **changes)
    assert whole(0).camera.zoom_per_second == 1
    assert later(0).camera.zoom_per_second == 1.5
    assert later(0).camera.centre == pytest.approx((0.52, 0.5))
    assert [later(i).camera.centre for i in range(50)] == [
        whole(i).camera.centre for i in range(50, 100)
    ]
    assert later(10).objective.weights == whole(10).objective.weights  # sound is the video's
