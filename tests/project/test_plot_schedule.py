"""scripts/plot_schedule.py draws what a schedule does, or says in a line what is wrong."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import cv2
import pytest
from helpers.clips import run as ffmpeg

SCRIPT = Path(__file__).parents[2] / "scripts" / "plot_schedule.py"


def plotted(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(SCRIPT), *words]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


@pytest.mark.slow
def test_schedules_are_drawn_with_the_sound_that_they_hear(tmp_path: Path) -> None:
    ffmpeg("-f", "lavfi", "-i", "sine=f=60:d=2", str(tmp_path / "beat.wav"))
    ran = plotted(tmp_path, "0s: 1, 2s: 2", "1 + bass*sin(t)", "--audio", "beat.wav")
    assert (ran.returncode, ran.stdout) == (0, "schedule.png\n"), ran.stderr
    picture = cv2.imread(str(tmp_path / "schedule.png"))
    assert picture is not None
    assert len({tuple(pixel) for pixel in picture.reshape(-1, 3).tolist()}) > 10


@pytest.mark.slow
def test_what_is_wrong_is_one_line(tmp_path: Path) -> None:
    for words, said in {
        ("1+",): "schedule: must be a valid expression, got a syntax error at column",
        ("bass",): "audio: must be set for 'bass'",
        ("1/t",): "schedule: must have a value at all times",
        ("t", "--audio", "no.wav"): "audio: must be a readable file",
    }.items():
        ran = plotted(tmp_path, *words)
        assert ran.returncode == 2
        assert ran.stderr.startswith(said), ran.stderr
        assert len(ran.stderr.splitlines()) == 1
