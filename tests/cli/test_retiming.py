"""rate= and speed= as the user sees and hears them."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from helpers.clips import FFV1, video, write
from helpers.clips import run as ffmpeg
from helpers.command_line import TOY, rendered, run
from helpers.sampling import every
from helpers.scenes import pan

from pipeline.frame import Picture

HERTZ, TONE, BEEP = 8000, 440, 0.6
PASSED = ("dreamer=none", *TOY)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a clip of 25 moving pictures at 25/s, with a beep from 0.6 to 0.7 s."""
    shots = pan(25, height=64, width=96, velocity=(2, 0))
    write(tmp_path / "silent.mkv", shots, *FFV1, "-pix_fmt", "gbrp")
    beep = f"sin(2*PI*{TONE}*t)*between(t,{BEEP},{BEEP + 0.1})"
    ffmpeg("-i", str(tmp_path / "silent.mkv"), "-f", "lavfi", "-i",
           f"aevalsrc='{beep}':s={HERTZ}:d=1", "-c:v", "copy", "-c:a", "pcm_s16le",
           str(tmp_path / "clip.mkv"))  # fmt: skip
    return tmp_path


def heard(path: Path) -> np.ndarray:
    raw = ffmpeg("-i", str(path), "-map", "0:a", "-ac", "1", "-ar", str(HERTZ), "-f", "s16le", "-")
    return np.frombuffer(raw, np.int16).astype(np.float64)


def beep(sound: np.ndarray) -> tuple[float, float]:
    """Begin of the beep in seconds, and its pitch in hertz."""
    loud = np.flatnonzero(np.abs(sound) > 0.3 * np.abs(sound).max())
    part = sound[loud[0] : loud[-1]]
    spectrum = np.abs(np.fft.rfft(part * np.hanning(len(part)), 1 << 16))
    return loud[0] / HERTZ, float(np.argmax(spectrum) * HERTZ / (1 << 16))


def test_twice_the_rate_has_the_frames_of_the_input_and_others_between(folder: Path) -> None:
    rendered("input=clip.mkv", "rate=50", *PASSED, "output=x.mkv", cwd=folder)
    source, made = (list(video(folder / name).pictures()) for name in ("clip.mkv", "x.mkv"))
    assert len(made) == 50
    assert np.array_equal(made[::2], source)
    assert not any(np.array_equal(one, other) for one, other in pairwise(made[:49]))
    report = json.loads((folder / "x.mkv.render" / "report.json").read_text())
    assert (report["frames"], report["rate"]) == (50, "50")
    begin, pitch = beep(heard(folder / "x.mkv"))
    assert abs(begin - BEEP) < 0.02
    assert abs(pitch - TONE) < 10


@pytest.mark.parametrize("speed", every(3, [0.5, 2, 0.3]))
def test_sound_stays_in_step_and_at_its_pitch(folder: Path, speed: float) -> None:
    rendered("input=clip.mkv", f"speed={speed}", *PASSED, "output=x.mkv", cwd=folder)
    made = list(video(folder / "x.mkv").pictures())
    assert len(made) == int(np.ceil(25 / speed))
    sound = heard(folder / "x.mkv")
    assert abs(len(sound) / HERTZ - 1 / speed) < 0.1
    begin, pitch = beep(sound)
    assert abs(begin - BEEP / speed) < 0.1  # a stretched beep fades in
    assert abs(pitch - TONE) < 15


@pytest.mark.slow
def test_sound_may_be_dropped_or_left_as_it_is(folder: Path) -> None:
    words = ("input=clip.mkv", "speed=0.5", *PASSED)
    rendered(*words, "sound=drop", "output=none.mkv", cwd=folder)
    assert b"Audio" not in ffmpeg("-i", str(folder / "none.mkv"), "-c", "copy", "-f", "ffmetadata",
                                  "-")  # fmt: skip
    assert video(folder / "none.mkv").clip.tracks is not None
    assert video(folder / "none.mkv").clip.tracks.audio == ()  # type: ignore[union-attr]
    rendered(*words, "sound=copy", "output=copied.mkv", cwd=folder)
    assert abs(beep(heard(folder / "copied.mkv"))[0] - BEEP) < 0.02


@pytest.mark.slow
def test_a_mask_keeps_step_with_what_it_masks(folder: Path) -> None:
    masks: list[Picture] = [np.full((64, 96, 3), 255 * (index < 12), np.uint8)
                            for index in range(25)]  # fmt: skip
    write(folder / "mask.mkv", masks, *FFV1, "-pix_fmt", "gbrp")
    words = ("input=clip.mkv", "speed=0.5", "frames=40", *TOY)
    rendered(*words, "dreamer=none", "output=plain.mkv", cwd=folder)
    rendered(*words, "mask=mask.mkv", "dreamer.iterations=2", "output=x.mkv", cwd=folder)
    plain, made = (list(video(folder / name).pictures()) for name in ("plain.mkv", "x.mkv"))
    dreamt = [not np.array_equal(one, other) for one, other in zip(plain, made, strict=True)]
    assert dreamt == [index < 23 for index in range(40)]


@pytest.mark.slow
def test_it_is_resumed_and_looped_like_any_other(folder: Path) -> None:
    words = ("input=clip.mkv", "speed=0.5", "loop=true", "loop_seconds=0.4", *PASSED)
    rendered(*words, "output=x.mkv", cwd=folder)
    assert len(list(video(folder / "x.mkv").pictures())) == 40
    assert abs(beep(heard(folder / "x.mkv"))[0] - (2 * BEEP - 0.4)) < 0.1


@pytest.mark.parametrize(
    ("words", "line"),
    every(3, [
        ("rate=fast", "rate: must be null or frames per second, a number or a fraction such as "
         "30000/1001, got 'fast'; set rate=60"),
        ("rate=0", "rate: must be null or frames per second"),
        ("speed=0", "speed: must be a number from 0.05 to 20, got 0; set speed=0.5"),
        ("speed=true", "speed: must be a number from 0.05 to 20, got True"),
        ("sound=mute", "sound: must be stretch, drop or copy, got 'mute'; set sound=stretch"),
        ("rate=2000", "rate: must have at most limits.rate=1000 frames/s, got 2000"),
    ]),
)  # fmt: skip
def test_what_cannot_be_is_one_line(folder: Path, words: str, line: str) -> None:
    ran = run("input=clip.mkv", words, *PASSED, "output=x.mkv", cwd=folder)
    assert (ran.code, len(ran.err.splitlines())) == (2, 1)
    assert ran.err.startswith(line)
