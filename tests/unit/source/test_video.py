"""A video as a source: its frames, their order, their shape, and what is refused."""

from __future__ import annotations

import logging
import signal
import subprocess
import tracemalloc
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers.clips import (
    FFV1,
    MPEG2,
    X264,
    barcode,
    counted,
    limited,
    number,
    numbers,
    run,
    video,
    write,
)
from helpers.scenes import texture
from pydantic import ValidationError

from pipeline.errors import UserError
from pipeline.ffmpeg import process


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twenty numbered pictures at 25 a second."""
    return counted(tmp_path_factory.mktemp("clips") / "counted.mp4")


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[subprocess.Popen[bytes]]:
    """Every process that is started during the test."""
    processes: list[subprocess.Popen[bytes]] = []
    popen = subprocess.Popen

    def spy(*args: Any, **options: Any) -> subprocess.Popen[bytes]:
        processes.append(popen(*args, **options))
        return processes[-1]

    monkeypatch.setattr(subprocess, "Popen", spy)
    return processes


@pytest.mark.parametrize("rate", ["24000/1001", "30000/1001", "25"])
@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.ts", "a.mpg"])
def test_every_frame_comes_once_and_in_order(tmp_path: Path, name: str, rate: str) -> None:
    codec = MPEG2 if name == "a.mpg" else X264
    source = video(counted(tmp_path / name, *codec, "-bf", "2", rate=rate))
    pictures = list(source.pictures())
    assert numbers(pictures) == list(range(20))
    assert source.clip.rate == Fraction(rate)
    assert source.clip.count == 20
    assert all(p.shape == (48, 128, 3) and p.dtype == np.uint8 for p in pictures)


def test_a_late_start_gives_the_very_same_pictures(clip: Path) -> None:
    whole = list(video(clip).pictures())
    for start in (1, 7, 19, 20, 50):
        rest = list(video(clip).pictures(start))
        assert len(rest) == max(0, 20 - start)
        assert all(np.array_equal(a, b) for a, b in zip(rest, whole[start:], strict=True))


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"start": 0.2}, range(5, 20)),
        ({"end": 0.4}, range(10)),
        ({"start": 0.2, "end": 0.4}, range(5, 10)),
        ({"frames": 3}, range(3)),
        ({"start": 0.2, "end": 0.6, "frames": 3}, range(5, 8)),
        ({"start": 0.2, "end": 0.24, "frames": 3}, range(5, 6)),
        ({"end": 99.0}, range(20)),
    ],
)
def test_start_end_and_frames_cut_to_the_frame(
    clip: Path, settings: dict[str, Any], expected: range
) -> None:
    source = video(clip, **settings)
    assert numbers(source.pictures()) == list(expected)
    assert numbers(source.pictures(1)) == list(expected)[1:]
    assert source.clip.count == len(expected)


def test_the_tracks_tell_which_stretch_of_the_file_was_rendered(tmp_path: Path) -> None:
    sound = ("-f", "lavfi", "-i", "sine=d=0.8")
    options = (*X264, "-c:a", "aac", "-output_ts_offset", "5")
    path = counted(tmp_path / "a.mkv", *options, before=sound)
    tracks = video(path, start=0.2, frames=5).clip.tracks
    assert tracks is not None
    assert tracks.path == path
    assert tracks.offset == pytest.approx(5.2, abs=0.03)  # aac starts a little before the picture
    assert tracks.seconds == pytest.approx(0.2)
    assert tracks.audio == ("aac",)
    whole = video(path).clip.tracks
    assert whole is not None
    assert whole.seconds is None


def test_a_variable_rate_becomes_constant_and_every_picture_keeps_its_time(tmp_path: Path) -> None:
    slower = "setpts='if(lt(N,10),N,10+2*(N-10))/25/TB'"  # 25, then 12.5 a second
    path = counted(tmp_path / "a.mkv", *X264, "-vf", slower, "-fps_mode", "vfr")
    source = video(path)
    assert source.clip.rate == 25
    assert numbers(source.pictures())[:29] == [*range(10), *(10 + i // 2 for i in range(19))]


def test_pictures_at_odd_times_are_shown_nearest_to_theirs(tmp_path: Path) -> None:
    wobble = "setpts='(N/25+0.013*sin(7*N))/TB'"
    path = counted(tmp_path / "a.mkv", *X264, "-vf", wobble, "-fps_mode", "vfr")
    source = video(path)
    assert source.clip.rate == 25
    # wobbling by a third of a frame and counted from the first, none may be lost or doubled
    assert numbers(source.pictures()) == list(range(20))


@pytest.mark.parametrize("angle", [90, 180, 270])
def test_a_rotated_phone_video_stands_upright(tmp_path: Path, angle: int) -> None:
    upright = np.zeros((64, 96, 3), np.uint8)
    upright[:32, :48] = 255  # a white corner, top left
    stored = write(tmp_path / "lying.mp4", [np.rot90(upright, angle // 90, axes=(1, 0))] * 3)
    path = tmp_path / "phone.mp4"
    run("-display_rotation", str(angle), "-i", str(stored), "-c", "copy", str(path))
    source = video(path)
    assert (source.clip.height, source.clip.width) == (64, 96)
    picture = next(source.pictures())
    assert picture[8:24, 8:40].min() > 240
    assert max(picture[40:].max(), picture[:, 56:].max()) < 16


@pytest.mark.parametrize(
    ("aspect", "size"), [("2/1", (48, 256)), ("1/2", (96, 128)), ("12/11", (48, 140))]
)
def test_pixels_that_are_not_square_are_made_square(
    tmp_path: Path, aspect: str, size: tuple[int, int]
) -> None:
    source = video(counted(tmp_path / "a.mp4", *X264, "-vf", f"setsar={aspect}"))
    assert (source.clip.height, source.clip.width) == size
    assert numbers(source.pictures()) == list(range(20))


@pytest.mark.parametrize(("aspect", "size"), [("2/1", (256, 48)), ("1/2", (128, 96))])
def test_a_rotated_video_loses_no_detail_to_its_aspect(
    tmp_path: Path, aspect: str, size: tuple[int, int]
) -> None:
    stored = counted(tmp_path / "stored.mp4", *X264, "-vf", f"setsar={aspect}")
    path = tmp_path / "rotated.mp4"
    run("-display_rotation", "90", "-i", str(stored), "-c", "copy", str(path))
    source = video(path)
    assert (source.clip.height, source.clip.width) == size
    assert next(source.pictures()).shape == (*size, 3)


def test_odd_sides_lose_a_pixel_and_say_so(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    odd = [barcode(3)[:47, :127]] * 2
    source = video(write(tmp_path / "a.mkv", odd, *FFV1))
    with caplog.at_level(logging.INFO):
        assert (source.clip.height, source.clip.width) == (46, 126)
    assert "127x47 pixels are reduced to 126x46" in caplog.text
    assert numbers(source.pictures()) == [3, 3]


@pytest.mark.parametrize(
    ("wanted", "size"),
    [
        ({"width": 64}, (24, 64)),
        ({"height": 96}, (96, 256)),
        ({"width": 64, "height": 64}, (64, 64)),
        ({"width": 65}, (24, 64)),
        ({"height": 33}, (32, 88)),
    ],
)
def test_one_side_keeps_the_shape_and_all_sides_are_even(
    clip: Path, wanted: dict[str, int], size: tuple[int, int]
) -> None:
    source = video(clip, **wanted)
    assert (source.clip.height, source.clip.width) == size
    assert next(source.pictures()).shape == (*size, 3)


@pytest.mark.parametrize(
    ("marked", "deinterlace", "whole"),
    [
        (True, "auto", True),
        (True, "never", False),
        (False, "auto", False),
        (False, "always", True),
    ],
)
def test_fields_are_woven_into_whole_pictures(
    tmp_path: Path, marked: bool, deinterlace: str, whole: bool
) -> None:
    fields = []
    for place in range(16):
        picture = np.zeros((48, 128, 3), np.uint8)
        picture[:, 6 * place : 6 * place + 24] = 255
        fields.append(picture)
    weave = f"tinterlace=interleave_top,setfield={'tff' if marked else 'prog'}"
    # h264 with no concern for fields would blur what this is about
    flags = ("-flags", "+ildct") if marked else ()
    path = write(tmp_path / "a.mpg", fields, *MPEG2, "-vf", weave, *flags, rate="50")
    source = video(path, deinterlace=deinterlace)
    assert source.clip.rate == 25
    pictures = [picture[8:40, :, 1].astype(int) for picture in source.pictures()]
    assert len(pictures) == 8
    combs = [np.abs(np.diff(p, axis=0)).mean() for p in pictures[1:-1]]
    # 12 as filmed: 6 of 128 columns differ by 255 between any two lines
    assert (max(combs) < 4) == whole


def test_the_largest_of_several_videos_is_taken_where_none_is_the_default(tmp_path: Path) -> None:
    path = tmp_path / "two.mkv"
    small = ("-f", "lavfi", "-i", "color=red:s=32x32:r=25:d=0.8")
    streams = ("-map", "1:v", "-map", "0:v", "-disposition:v", "0")
    source = video(counted(path, *streams, *FFV1, before=small))
    assert numbers(source.pictures()) == list(range(20))


def test_cover_art_is_no_video(tmp_path: Path) -> None:
    cover = tmp_path / "cover.png"
    run("-f", "lavfi", "-i", "color=red:s=400x400", "-frames:v", "1", str(cover))
    streams = ("-map", "0:v", "-map", "1:v", "-c:v:1", "png", "-disposition:v:1", "attached_pic")
    path = counted(tmp_path / "a.mp4", *X264, *streams, before=("-i", str(cover)))
    assert numbers(video(path).pictures()) == list(range(20))


def test_the_settings_may_come_as_text(clip: Path) -> None:
    assert video(str(clip), frames=1).clip.count == 1


def test_damage_is_survived_and_reported(
    tmp_path: Path, clip: Path, caplog: pytest.LogCaptureFixture
) -> None:
    data = bytearray(counted(tmp_path / "a.ts", *X264, "-g", "5", frames=60).read_bytes())
    for place in range(len(data) // 3, len(data) // 2, 97):
        data[place] ^= 0xFF
    path = tmp_path / "broken.ts"
    path.write_bytes(data)
    pictures = list(video(path).pictures())
    assert len(pictures) > 30
    assert number(pictures[0]) == 0
    assert "is damaged" in caplog.text


def test_a_file_that_breaks_off_gives_what_it_has(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = counted(tmp_path / "a.mp4", *X264, "-movflags", "+faststart", "-g", "5", frames=60)
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 2 // 3])
    pictures = list(video(path).pictures())
    assert 10 < len(pictures) < 60
    assert numbers(pictures[:10]) == list(range(10))
    assert "is damaged" in caplog.text


def test_an_undamaged_file_is_not_called_damaged(
    clip: Path, caplog: pytest.LogCaptureFixture
) -> None:
    list(video(clip).pictures())
    assert not caplog.records


def test_closing_early_leaves_no_process(
    clip: Path, started: list[subprocess.Popen[bytes]]
) -> None:
    pictures: Iterator[Any] = video(clip).pictures()
    next(pictures)
    assert started[-1].poll() is None or len(started) > 1
    pictures.close()  # type: ignore[attr-defined]
    assert all(process.poll() is not None for process in started)


def test_only_the_picture_in_hand_is_kept_in_memory(tmp_path: Path) -> None:
    path = write(tmp_path / "a.mkv", [np.zeros((240, 320, 3), np.uint8)] * 100, *FFV1)
    source = video(path)
    assert source.clip.count == 100
    tracemalloc.start()
    for _ in source.pictures():
        pass
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 10 * 240 * 320 * 3  # all of them are 100; a megabyte is for what ffmpeg says


def test_a_decoder_that_falls_silent_is_given_up(
    tmp_path: Path,
    clip: Path,
    monkeypatch: pytest.MonkeyPatch,
    started: list[subprocess.Popen[bytes]],
) -> None:
    source = video(clip, limits=limited(stall_seconds=0.3))
    assert source.clip.count == 20
    sleeper = tmp_path / "sleeper"
    sleeper.write_text("#!/bin/sh\nexec sleep 60\n")
    sleeper.chmod(0o700)
    monkeypatch.setattr(process, "executable", lambda: str(sleeper))
    with pytest.raises(UserError, match=r"limits\.stall_seconds=0\.3"):
        next(source.pictures())
    assert all(process.poll() is not None for process in started)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
@pytest.mark.parametrize("start", [0, 7])
def test_a_decoder_that_is_killed_is_begun_again_where_it_was(
    started: list[subprocess.Popen[bytes]],
    tmp_path: Path,
    number: signal.Signals,
    start: int,
    caplog: pytest.LogCaptureFixture,
) -> None:
    # more than fits into a pipe, so that it cannot be over before it is killed
    big = write(tmp_path / "a.mkv", [texture(240, 320, seed) for seed in range(30)], *FFV1)
    whole = list(video(big).pictures(start))
    pictures = video(big).pictures(start)
    came = [next(pictures) for _ in range(3)]
    started[-1].send_signal(number)
    came += pictures
    assert np.array_equal(came, whole)
    assert caplog.text.count("restarted") == 1


def test_a_decoder_that_is_killed_again_and_again_is_given_up(
    started: list[subprocess.Popen[bytes]], tmp_path: Path
) -> None:
    big = write(tmp_path / "a.mkv", [texture(240, 320, seed) for seed in range(30)], *FFV1)
    pictures = video(big).pictures()
    for _ in range(3):
        next(pictures)
        started[-1].kill()
        started[-1].wait()
    with pytest.raises(UserError, match=r"ffmpeg was killed \(code -9\) while reading .*a\.mkv"):
        list(pictures)


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"start": 0.5, "end": 0.5}, r"^end: must be later than start=0\.5 s, got 0\.5 s"),
        ({"start": 0.5, "end": 0.51}, r"^end: must be at least one frame"),
        ({"start": 0.8}, r"^start: must be before the input's end at 0\.8 s"),
        ({"width": 1}, r"^width, height: .* got 1x0|^width, height: .* got 0x0"),
        ({"width": 30000, "height": 30000}, r"limits\.pixels"),
        ({"limits": limited(pixels=1000)}, r"limits\.pixels=1000"),
        ({"limits": limited(rate=10)}, r"limits\.rate=10 .* got 25"),
        ({"limits": limited(frames=10)}, r"input: .*limits\.frames=10 .* got 20"),
        ({"limits": limited(gap_seconds=0.01)}, r"limits\.gap_seconds=0\.01"),
        ({"path": None}, r"^input: must be set"),
    ],
)
def test_what_cannot_be_rendered_is_refused_before_the_first_frame(
    clip: Path, settings: dict[str, Any], reason: str
) -> None:
    with pytest.raises(UserError, match=reason):
        _ = video(**{"path": clip, **settings}).clip


@pytest.mark.parametrize(
    "settings",
    [{"frames": 0}, {"start": -1.0}, {"end": float("nan")}, {"width": 0}],
)
def test_values_outside_their_range_are_refused_at_construction(
    clip: Path, settings: dict[str, Any]
) -> None:
    with pytest.raises(ValidationError):
        video(clip, **settings)


def test_the_limit_of_frames_counts_only_what_is_rendered(clip: Path) -> None:
    assert video(clip, frames=10, limits=limited(frames=10)).clip.count == 10
