"""What is heard is heard at the right frame, and in the right band."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from helpers.clips import LIMITS, run

from pipeline.errors import UserError
from pipeline.ffmpeg import audio_features
from pipeline.ffmpeg.audio_features import analyse_audio, with_audio
from pipeline.frame import Clip, Tracks
from pipeline.schedule import SOUND

CLIP = Clip(48, 64, Fraction(25), 100)
CLICKS = "aevalsrc='0.8*sin(2*PI*1000*t)*lt(mod(t+0.5,1),0.03)':s=44100:d=4"
"""A short beep at 0.5, 1.5, 2.5 and 3.5 seconds."""


def made(folder: Path, source: str, name: str = "a.wav") -> Path:
    """A file with this sound."""
    run("-f", "lavfi", "-i", source, "-ac", "1", str(folder / name))
    return folder / name


def figures(path: Path, clip: Clip = CLIP) -> dict[str, np.ndarray]:
    heard = analyse_audio(with_audio(clip, path, LIMITS), LIMITS).figures
    assert heard.shape == (clip.count, len(SOUND))
    assert heard.min() >= 0
    assert heard.max() <= 1
    return dict(zip(SOUND, heard.T, strict=True))


@pytest.mark.parametrize(("hertz", "band"), [(60, "bass"), (500, "mid"), (5000, "treble")])
def test_a_tone_is_heard_in_its_band(tmp_path: Path, hertz: int, band: str) -> None:
    heard = figures(made(tmp_path, f"sine=f={hertz}:d=4"))
    for other in ("bass", "mid", "treble"):
        middle = heard[other][20:80].mean()
        assert middle > 0.9 if other == band else middle < 0.3
    assert heard["envelope"][20:80].mean() > 0.9


def test_what_is_louder_is_more(tmp_path: Path) -> None:
    tone = "0.5*sin(2*PI*300*t)"
    envelope = figures(made(tmp_path, f"aevalsrc='{tone}*(0.1+0.9*gt(t,2))':d=4"))["envelope"]
    assert envelope[10:45].max() < 0.4
    assert envelope[60:95].min() > 0.9


@pytest.mark.parametrize("name", ["a.wav", "a.mp3", "a.m4a", "a.mkv", "a.flac", "a.ogg"])
def test_an_onset_is_seen_at_its_frame_and_nowhere_else(tmp_path: Path, name: str) -> None:
    onset = figures(made(tmp_path, CLICKS, name))["onset"]
    for second in (0.5, 1.5, 2.5, 3.5):
        peak = round(second * 25)
        # within a frame of the beep, and gone half a second later
        assert onset[peak - 1 : peak + 3].max() > 0.8, second
        assert np.argmax(onset[peak - 6 : peak + 6] > 0.5) + peak - 6 in (peak - 1, peak, peak + 1)
    assert onset[[0, 6, 25, 50, 75]].max() < 0.2


def test_the_sound_is_cut_where_the_render_begins(tmp_path: Path) -> None:
    path = made(tmp_path, CLICKS)
    clip = replace(CLIP, tracks=Tracks(path, offset=1.2, seconds=2.0, audio=("pcm_s16le",)))
    onset = analyse_audio(clip, LIMITS).figures[:, SOUND.index("onset")]
    assert np.argmax(onset > 0.5) in (7, 8, 9)  # 1.5 s on the file's clock
    assert onset[60:].max() == 0


@pytest.mark.parametrize("rate", [Fraction(24), Fraction(30000, 1001), Fraction(60)])
def test_a_second_is_a_second_at_any_rate(tmp_path: Path, rate: Fraction) -> None:
    path = made(tmp_path, CLICKS)
    clip = Clip(48, 64, rate, int(4 * rate))
    onset = figures(path, clip)["onset"]
    for second in (0.5, 1.5, 2.5, 3.5):
        peak = round(second * rate)
        assert onset[peak : peak + round(rate / 10)].max() > 0.8


def test_silence_is_nothing_and_so_is_what_comes_behind_the_end(tmp_path: Path) -> None:
    quiet = figures(made(tmp_path, "anullsrc=d=4"))
    assert max(figure.max() for figure in quiet.values()) == 0
    beep = made(tmp_path, "sine=f=300:d=2", "b.wav")
    short = analyse_audio(with_audio(replace(CLIP, count=200), beep, LIMITS), LIMITS)
    assert short.at(25)["mid"] > 0.9
    assert set(short.at(100).values()) == {0.0}
    assert set(short.at(10_000).values()) == {0.0}


def test_the_size_of_the_pieces_changes_no_bit(tmp_path: Path) -> None:
    tracks = Tracks(made(tmp_path, CLICKS), audio=("pcm_s16le",))
    whole, pieces = (
        np.concatenate(list(audio_features._samples(tracks, LIMITS, size)))
        for size in (1 << 20, 1001)
    )
    assert np.array_equal(whole, pieces)
    one, other = (
        audio_features._analysed(audio_features._samples(tracks, LIMITS, size))
        for size in (1 << 20, 1001)
    )
    assert np.array_equal(one[0], other[0])
    assert np.array_equal(one[1], other[1])


def test_what_has_no_sound_is_refused(tmp_path: Path) -> None:
    run("-f", "lavfi", "-i", "testsrc=d=1:s=64x48", str(tmp_path / "mute.mp4"))
    (tmp_path / "text.mp3").write_text("no sound")
    for name in ("mute.mp4", "text.mp3"):
        with pytest.raises(
            UserError, match=r"audio: must be a file that contains sound, got .*; set"
        ):
            with_audio(CLIP, tmp_path / name, LIMITS)
    with pytest.raises(UserError, match="audio: must be set for schedules that use sound"):
        analyse_audio(CLIP, LIMITS)


def test_opposite_phases_are_as_loud_as_equal_ones(tmp_path: Path) -> None:
    heard = {}
    for name, second in (("equal", "c0"), ("opposite", "-1*c0")):
        path = tmp_path / f"{name}.wav"
        run("-f", "lavfi", "-i", "sine=100:d=2,volume='lt(mod(t,1),0.5)':eval=frame",
            "-af", f"pan=stereo|c0=c0|c1={second}", str(path))  # fmt: skip
        clip = Clip(48, 64, Fraction(25), count=50, tracks=Tracks(path, 0.0, 2.0, ("pcm_s16le",)))
        heard[name] = audio_features.analyse_audio(clip, LIMITS).figures
    np.testing.assert_allclose(heard["opposite"], heard["equal"], atol=1e-3)
    assert heard["opposite"][:, 1].max() > 0.9


def test_a_track_of_silence_is_named(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "a.wav"
    run("-f", "lavfi", "-i", "anullsrc=d=1", str(path))
    clip = Clip(48, 64, Fraction(25), count=25, tracks=Tracks(path, 0.0, 1.0, ("pcm_s16le",)))
    assert audio_features.analyse_audio(clip, LIMITS).figures.max() == 0
    assert "a.wav: the first sound track (pcm_s16le) is silent" in caplog.text
    assert "set audio=FILE" in caplog.text
