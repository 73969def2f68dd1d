"""Several sounds by name, and MIDI, as schedules see them."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import mido
import pytest
from helpers.clips import LIMITS, run
from helpers.command_line import TOY, rendered
from helpers.command_line import run as dreamreel

from pipeline.config.arguments import prepare
from pipeline.config.compose import check, compose_settings, settings_of
from pipeline.config.midi import read_midi
from pipeline.config.provenance import embedded_settings, files
from pipeline.config.sounds import analyse_sounds, stems_of
from pipeline.errors import UserError
from pipeline.frame import Clip
from pipeline.schedule import ScheduleError, parse
from pipeline.schedule.namespaces import namespaces

RATE = 25
SPACES = namespaces(["drums"], midi=True)


def tone(path: Path, begin: float, hertz: int = 60) -> Path:
    """Two seconds of silence with a tone from `begin` on."""
    run("-f", "lavfi", "-i", f"aevalsrc='0.5*sin(2*PI*{hertz}*t)*gt(t,{begin})':d=2", str(path))
    return path


def song(path: Path) -> Path:
    """120 beats per minute: note 36 from 0.5 to 1 s, note 40 from 1 s on, controller 1 rises."""
    track = mido.MidiTrack([
        mido.MetaMessage("set_tempo", tempo=500_000),
        mido.Message("control_change", control=1, value=0, time=0),
        mido.Message("note_on", note=36, velocity=127, time=480),
        mido.Message("note_off", note=36, time=480),
        mido.Message("control_change", control=1, value=127, time=0),
        mido.Message("note_on", note=40, velocity=64, time=0),
        mido.Message("note_on", note=40, velocity=0, time=960),
    ])  # fmt: skip
    mido.MidiFile(tracks=[track], ticks_per_beat=480).save(path)
    return path


def test_a_sound_has_variables_by_its_name(tmp_path: Path) -> None:
    clip = Clip(16, 16, Fraction(RATE), 50)
    stems = {"drums": tone(tmp_path / "a.wav", 1.0), "voice": tone(tmp_path / "b.wav", 0.2, 800)}
    names = {"drums", "drums.bass", "drums.onset", "voice.mid"}
    sounds = analyse_sounds(clip, names, stems=stems, midi=None, limits=LIMITS)
    early, late = sounds.at(15), sounds.at(40)
    assert (early["drums"], early["drums.bass"]) == (0, 0)
    assert late["drums"] > 0.8
    assert late["drums.bass"] > 0.8
    assert early["voice.mid"] > 0.8
    assert max(sounds.at(frame)["drums.onset"] for frame in (24, 25, 26)) > 0.3


def test_notes_and_controllers_are_variables(tmp_path: Path) -> None:
    names = {"note", "velocity", "gate", "n36", "n40", "cc1", "onset"}
    found = read_midi(song(tmp_path / "a.mid"), names, rate=RATE)
    at = {seconds: found.at(round(seconds * RATE)) for seconds in (0.2, 0.6, 1.2, 2.4)}
    assert at[0.2] == dict.fromkeys(names, 0.0)
    assert (at[0.6]["note"], at[0.6]["n36"], at[0.6]["velocity"], at[0.6]["gate"]) == (36, 1, 1, 1)
    assert (at[1.2]["note"], at[1.2]["n36"], at[1.2]["cc1"]) == (40, 0, 1)
    assert at[1.2]["n40"] == pytest.approx(64 / 127)
    assert (at[2.4]["gate"], at[2.4]["note"]) == (0, 40)
    # half a second is no whole number of frames: the nearest frame has the onset
    onsets = [found.at(frame)["onset"] for frame in range(50)]
    assert [frame for frame, onset in enumerate(onsets) if onset == 1] == [12, 25]


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("1 + drums", {"drums"}),
        ("drums.onset*2 + midi.cc1", {"drums.onset", "midi.cc1"}),
        ("0: (drums.bass), 10: 3", {"frame", "drums.bass"}),
    ],
)
def test_a_name_with_a_dot_is_a_variable(text: str, names: set[str]) -> None:
    schedule = parse(text, rate=RATE, count=50, spaces=SPACES)
    assert schedule.names == names
    assert schedule({**dict.fromkeys(names, 0.5), "frame": 0.0}) >= 0.5


@pytest.mark.parametrize(
    "text", ["drums.volume", "midi.cc128", "midi.x", "voice.onset", "midi", "drums.onset.real",
             "drums.__class__", "t.onset"]
)  # fmt: skip
def test_another_name_is_refused(text: str) -> None:
    with pytest.raises(ScheduleError):
        parse(text, rate=RATE, count=50, spaces=SPACES)


def settings(*words: str) -> dict[str, Any]:
    cfg, choices = compose_settings("recipe=zoom", *words)
    check(cfg, choices)
    return settings_of(cfg)


def test_sounds_are_settings_and_files_of_the_render() -> None:
    assert prepare(["audio.drums=my drums.wav"]) == ["++stems.drums='my drums.wav'"]
    held = settings(
        "audio.drums=a/b.wav", "midi=c/d.mid", "camera.zoom_per_second=1.1 + drums.onset"
    )
    assert files(held)["audio.drums"] == Path("a/b.wav")
    assert files(held)["midi"] == Path("c/d.mid")
    embedded = embedded_settings(held)
    assert (embedded["stems"], embedded["midi"]) == ({"drums": "b.wav"}, "d.mid")


@pytest.mark.parametrize("name", ["t", "bass", "sin", "pi", "midi", "1st"])
def test_a_sound_cannot_have_the_name_of_something_else(name: str) -> None:
    with pytest.raises(UserError, match=rf"^audio\.{name}: must have a name that is no variable"):
        stems_of({name: "a.wav"})


@pytest.mark.slow
def test_a_render_follows_them(tmp_path: Path) -> None:
    tone(tmp_path / "drums.wav", 0.1)
    song(tmp_path / "a.mid")
    words = ("recipe=zoom", "width=64", "height=48", "frames=3", *TOY)
    move = "camera.zoom_per_second=1.2 + drums.onset + midi.cc1 + midi.onset"
    ran = rendered(*words, "audio.drums=drums.wav", "midi=a.mid", move, cwd=tmp_path)
    assert "dream.mp4: 3 frames" in ran.out
    rendered("plot-schedule", "1 + drums.bass", "midi.n36", "--stem", "drums=drums.wav",
             "--midi", "a.mid", "--seconds", "2", cwd=tmp_path)  # fmt: skip
    assert (tmp_path / "schedule.png").stat().st_size > 1000


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (("midi=a.txt", "camera.zoom_per_second=1.1 + midi.cc1"), "midi: must be a standard MIDI"),
        (("audio.drums=a.txt", "camera.zoom_per_second=1.1 + drums"), "audio.drums: must be"),
        (("audio.drums=no.wav", "camera.zoom_per_second=1.1 + drums"), "audio.drums: must be"),
        (("camera.zoom_per_second=1.1 + drums",), "camera.zoom_per_second: must use known"),
    ],
)
def test_what_cannot_be_is_one_line(tmp_path: Path, words: tuple[str, ...], line: str) -> None:
    (tmp_path / "a.txt").write_text("no sound and no notes")
    ran = dreamreel("recipe=zoom", "width=64", "height=48", "frames=3", *TOY, *words, cwd=tmp_path)
    assert (ran.code, len(ran.err.splitlines())) == (2, 1)
    assert ran.err.startswith(line)
