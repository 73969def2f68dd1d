"""pipeline.report.progress: how long a render still takes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pipeline.report import progress
from pipeline.report.progress import progress_bar


class Clock:
    """Time that passes only when it is told to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now

    def time(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(progress, "time", made)
    return made


def facts(folder: Path) -> dict[str, float]:
    found: dict[str, float] = json.loads((folder / "progress.json").read_text())
    return found


def test_the_first_frame_does_not_count(clock: Clock, tmp_path: Path) -> None:
    with progress_bar(10, "frame", tmp_path) as done:
        clock.now += 20
        done(None)
        assert facts(tmp_path)["seconds_left"] is None
        clock.now += 2
        done(None)
        assert facts(tmp_path)["seconds_per_frame"] == 2
        assert facts(tmp_path)["seconds_left"] == 16


def test_frames_of_a_first_pass_count_too(clock: Clock, tmp_path: Path) -> None:
    with progress_bar(10, "frame", tmp_path) as done:
        for _ in range(5):
            clock.now += 1
            done.ahead()
        clock.now += 1
        done(None)
        assert facts(tmp_path)["seconds_per_frame"] == 2
        assert facts(tmp_path)["seconds_left"] == 14
        clock.now += 1
        done(None)
        assert facts(tmp_path)["seconds_left"] == 13


def test_a_long_first_pass_is_shown(clock: Clock, tmp_path: Path) -> None:
    with progress_bar(10, "frame", tmp_path) as done:
        for _ in range(4):
            clock.now += 4
            done.ahead()
        # 20 passes over a frame of 4 s each; the third was the first after WRITE_SECONDS
        assert facts(tmp_path) == {
            "done": 0,
            "frames": 10,
            "seconds_per_frame": 8,
            "seconds_left": 68,
            "gain": None,
        }


def test_a_first_pass_over_some_frames_only_is_expected_for_as_many(
    clock: Clock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with progress_bar(20, "frame", tmp_path) as done:
        for _ in range(2):
            clock.now += 1
            done.ahead()
        for _ in range(8):
            clock.now += 1
            done(None)
        monkeypatch.setattr(progress, "WRITE_SECONDS", 0.0)
        clock.now += 1
        done(None)
        # 11 of 20 are left, and a first pass over two ninths of them
        assert facts(tmp_path)["seconds_left"] == pytest.approx(11 * (1 + 2 / 9), abs=0.1)
