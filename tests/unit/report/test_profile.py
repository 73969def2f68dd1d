"""The timeline of a render: a file that trace viewers read, and its sum in a few lines."""

from __future__ import annotations

import json
import logging
from itertools import pairwise
from pathlib import Path

import pytest
from helpers.clips import counted
from helpers.command_line import files, rendered, run

from pipeline.report.profile import LANES, TRACE, profile_trace

STAGES = [stage for stages in LANES.values() for stage in stages]


def test_each_stage_of_each_frame_is_an_event(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Two frames of 10 s: 6 s of dreaming each, pictures that are waited for, an idle encoder."""
    with caplog.at_level(logging.INFO, "pipeline"), profile_trace(tmp_path / TRACE) as note:
        for index in (0, 1):
            at = 100 + 10 * index
            note(index, {"decode": (at - 1, at), "flow": (at, at + 2), "wait": (at, at + 2),
                         "warp": (at + 2, at + 3), "dream": (at + 3, at + 9),
                         "encode": (at + 9, at + 9)})  # fmt: skip
    events = json.loads((tmp_path / TRACE).read_text())
    assert [event["args"]["name"] for event in events if event["ph"] == "M"] == [*LANES, "flow 1"]
    spans = [event for event in events if event["ph"] == "X"]
    assert [event["name"] for event in spans] == STAGES * 2
    assert [event["args"]["frame"] for event in spans] == [0] * 6 + [1] * 6
    (dream,) = (event for event in spans if event["name"] == "dream" and event["args"]["frame"])
    assert (dream["ts"], dream["dur"]) == (14_000_000, 6_000_000)  # microseconds since frame 0
    assert {event["tid"] for event in spans if event["name"] == "flow"} == {len(LANES)}
    assert [record.message for record in caplog.records] == [
        f"{tmp_path / TRACE}: 2 frames in 20.0 s; open it in ui.perfetto.dev",
        "main loop: 60.0% dream, 20.0% waiting for pictures and flow, 10.0% warp, "
        "10.0% metrics, progress, saving, 0.0% passing pictures to the encoder",
        "preparation: 70.0% waiting for the dream, 20.0% flow, 10.0% decode",
    ]


def test_flows_side_by_side_have_lanes_of_their_own(tmp_path: Path) -> None:
    """Of 4 s each, one begun every second second."""
    with profile_trace(tmp_path / TRACE) as note:
        for index in range(6):
            spans = dict.fromkeys(STAGES, (2.0 * index, 2.0 * index))
            note(index, {**spans, "flow": (2.0 * index, 2.0 * index + 4)})
    events = json.loads((tmp_path / TRACE).read_text())
    assert [event["args"]["name"] for event in events if event["ph"] == "M"] == [
        *LANES, "flow 1", "flow 2",
    ]  # fmt: skip
    flows = [event["tid"] for event in events if event["name"] == "flow"]
    assert flows == [2, 3] * 3


def test_a_render_that_ends_early_leaves_one_that_can_be_read(tmp_path: Path) -> None:
    def render() -> None:
        with profile_trace(tmp_path / TRACE) as note:
            note(0, dict.fromkeys(STAGES, (1.0, 2.0)))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        render()
    assert len(json.loads((tmp_path / TRACE).read_text())) == len(LANES) + 1 + len(STAGES)


def test_nobody_asked_for_one(tmp_path: Path) -> None:
    with profile_trace(None) as note:
        note(0, {})
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_it_is_asked_for_on_the_command_line_and_changes_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "clips"
    folder.mkdir()
    counted(folder / "clip.mp4", frames=3)
    little = ("input=clip.mp4", "dreamer.octaves=1", "dreamer.iterations=1", "width=160")
    ran = rendered(*little, "output=x.mp4", "profile=true", cwd=folder)
    assert "main loop: " in ran.err
    assert f"x.mp4.render/{TRACE}: 3 frames in" in ran.err
    rendered(*little, "output=y.mp4", cwd=folder)
    assert (folder / "x.mp4").read_bytes() == (folder / "y.mp4").read_bytes()
    assert f"y.mp4.render/{TRACE}" not in files(folder)
    events = json.loads((folder / "x.mp4.render" / TRACE).read_text())
    spans = [event for event in events if event["ph"] == "X"]
    assert len(spans) == 3 * len(STAGES)
    for lane in (0, 1, 2):  # a thread does one thing at a time
        own = sorted((e["ts"], e["ts"] + e["dur"]) for e in spans if e["tid"] == lane)
        assert all(end <= begin + 1 for (_, end), (begin, _) in pairwise(own))
    line = run(*little, "output=z.mp4", "profile=yes please", cwd=folder).line
    assert line.startswith("profile: must be true or false, got 'yes please'")
