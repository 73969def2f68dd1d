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
    heard = analyse_audio(with_audio(clip, path, LIMITS), {"bass"}, limits=LIMITS).figures
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


@pytest.mark.slow
def test_the_sound_is_cut_where_the_render_begins(tmp_path: Path) -> None:
    path = made(tmp_path, CLICKS)
    clip = replace(CLIP, tracks=Tracks(path, offset=1.2, seconds=2.0, audio=("pcm_s16le",)))
    onset = analyse_audio(clip, limits=LIMITS).figures[:, SOUND.index("onset")]
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
    short = analyse_audio(with_audio(replace(CLIP, count=200), beep, LIMITS), limits=LIMITS)
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
    assert np.array_equal(one[2], other[2])


def test_what_has_no_sound_is_refused(tmp_path: Path) -> None:
    run("-f", "lavfi", "-i", "testsrc=d=1:s=64x48", str(tmp_path / "mute.mp4"))
    (tmp_path / "text.mp3").write_text("no sound")
    for name in ("mute.mp4", "text.mp3"):
        with pytest.raises(
            UserError, match=r"audio: must be a file that contains sound, got .*; set"
        ):
            with_audio(CLIP, tmp_path / name, LIMITS)
    with pytest.raises(UserError, match="audio: must be set for schedules that use sound"):
        analyse_audio(CLIP, limits=LIMITS)


def test_opposite_phases_are_as_loud_as_equal_ones(tmp_path: Path) -> None:
    heard = {}
    for name, second in (("equal", "c0"), ("opposite", "-1*c0")):
        path = tmp_path / f"{name}.wav"
        run("-f", "lavfi", "-i", "sine=100:d=2,volume='lt(mod(t,1),0.5)':eval=frame",
            "-af", f"pan=stereo|c0=c0|c1={second}", str(path))  # fmt: skip
        clip = Clip(48, 64, Fraction(25), count=50, tracks=Tracks(path, 0.0, 2.0, ("pcm_s16le",)))
        heard[name] = audio_features.analyse_audio(clip, limits=LIMITS).figures
    np.testing.assert_allclose(heard["opposite"], heard["equal"], atol=1e-3)
    assert heard["opposite"][:, 1].max() > 0.9


def test_a_track_of_silence_is_named(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "a.wav"
    run("-f", "lavfi", "-i", "anullsrc=d=1", str(path))
    clip = Clip(48, 64, Fraction(25), count=25, tracks=Tracks(path, 0.0, 1.0, ("pcm_s16le",)))
    assert audio_features.analyse_audio(clip, limits=LIMITS).figures.max() == 0
    assert "a.wav: the first sound track (pcm_s16le) is silent" in caplog.text
    assert "set audio=FILE" in caplog.text


HERTZ = 22_050
"""Samples per second of the music below."""


def written(folder: Path, samples: np.ndarray) -> Path:
    """A file with these samples."""
    data = samples.astype(np.float32).tobytes()
    run(
        "-f",
        "f32le",
        "-ar",
        str(HERTZ),
        "-ac",
        "1",
        "-i",
        "-",
        str(folder / "music.wav"),
        data=data,
    )
    return folder / "music.wav"


def drums(folder: Path, bpm: float, seconds: float, *, first: float = 0.37) -> Path:
    """Clicks at that tempo, every fourth with a bass drum, over soft noise."""
    rng = np.random.default_rng(0)
    samples = 0.002 * rng.standard_normal(round(seconds * HERTZ))
    decay = np.exp(-np.arange(HERTZ // 10) / 300)
    click = 0.3 * decay * rng.standard_normal(len(decay))
    thump = (
        0.8
        * np.exp(-np.arange(HERTZ // 5) / 1500)
        * np.sin(2 * np.pi * 60 * np.arange(HERTZ // 5) / HERTZ)
    )
    for number, time in enumerate(np.arange(first, seconds - 0.3, 60 / bpm)):
        start = round(time * HERTZ)
        samples[start : start + len(click)] += click
        if number % 4 == 2:
            samples[start : start + len(thump)] += thump
    return written(folder, samples)


@pytest.mark.parametrize(("bpm", "seconds"), [(120, 30), (97, 30), (140, 30), (128, 300)])
def test_beats_are_found_and_stay_right(bpm: float, seconds: float, tmp_path: Path) -> None:
    rate, first = 100, 0.37
    clip = Clip(48, 64, Fraction(rate), count=round(seconds * rate))
    path = drums(tmp_path, bpm, seconds)
    found = analyse_audio(with_audio(clip, path, LIMITS), {"beat"}, limits=LIMITS)
    beat, bar, tempo = (found.figures[:, SOUND.index(name)] for name in ("beat", "bar", "bpm"))
    assert abs(tempo[0] - bpm) < 0.02 * bpm
    # a phase that falls starts again at 0
    beats = np.flatnonzero(np.diff(beat) < -0.5) / rate
    expected = np.arange(first, seconds - 0.5, 60 / bpm)
    inner = expected[2:-2]
    errors = [np.abs(beats - time).min() for time in inner]
    assert max(errors) < 0.05
    assert np.sum((beats > inner[0] - 0.1) & (beats < inner[-1] + 0.1)) == len(inner)
    bars = np.flatnonzero(np.diff(bar) < -0.5) / rate
    assert max(np.abs(bars - time).min() for time in expected[6:-6:4]) < 0.05


def chords(folder: Path, bpm: float, seconds: float, *, first: float = 0.37) -> Path:
    """Chords with a soft attack that last until the next one, over soft noise."""
    rng = np.random.default_rng(1)
    samples = 0.001 * rng.standard_normal(round(seconds * HERTZ))
    gap = round(60 / bpm * HERTZ)
    t = np.arange(gap) / HERTZ
    shape = np.minimum(1, t / 0.03) * np.exp(-t * 2)
    for time in np.arange(first, seconds - 60 / bpm, 60 / bpm):
        notes = 110 * 2 ** (rng.integers(0, 24, 3) / 12)
        tone = sum(np.sin(2 * np.pi * note * k * t) / k for note in notes for k in (1, 2, 3, 4))
        start = round(time * HERTZ)
        samples[start : start + gap] += 0.1 * shape * tone
    return written(folder, samples)


def test_beats_of_chords_are_where_they_begin(tmp_path: Path) -> None:
    rate, first, bpm, seconds = 100, 0.37, 96, 40
    clip = Clip(48, 64, Fraction(rate), count=seconds * rate)
    audio = with_audio(clip, chords(tmp_path, bpm, seconds), LIMITS)
    found = analyse_audio(audio, {"beat"}, limits=LIMITS)
    beats = np.flatnonzero(np.diff(found.figures[:, SOUND.index("beat")]) < -0.5) / rate
    late = [min(beats - time, key=abs) for time in np.arange(first, seconds - 1, 60 / bpm)[2:-2]]
    assert abs(float(np.median(late))) < 0.025
    assert max(map(abs, late)) < 0.05


def test_bands_have_onsets_of_their_own(tmp_path: Path) -> None:
    clip = Clip(48, 64, Fraction(50), count=500)
    found = analyse_audio(with_audio(clip, drums(tmp_path, 120, 10), LIMITS), limits=LIMITS)
    bass, treble = (found.figures[:, SOUND.index(f"onset_{name}")] for name in ("bass", "treble"))
    thump, click = (round((0.37 + beats / 2) * 50) for beats in (6, 7))
    assert bass[thump - 1 : thump + 3].max() > 0.5 > bass[click + 2]
    assert treble[click - 1 : click + 3].max() > 0.5


def test_silence_has_no_beat(tmp_path: Path) -> None:
    clip = Clip(48, 64, Fraction(25), count=50)
    path = written(tmp_path, np.zeros(2 * HERTZ))
    found = analyse_audio(with_audio(clip, path, LIMITS), limits=LIMITS)
    assert found.figures.max() == 0


def test_without_librosa_the_error_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clip = Clip(48, 64, Fraction(25), count=50)
    heard = with_audio(clip, drums(tmp_path, 120, 2), LIMITS)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(UserError, match=r"^audio: must have librosa installed for beat, bar and"):
        analyse_audio(heard, {"bpm"}, limits=LIMITS)
    assert analyse_audio(heard, {"bass"}, limits=LIMITS).figures.max() > 0
