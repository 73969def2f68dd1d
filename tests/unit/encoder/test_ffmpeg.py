"""pipeline.encoder.ffmpeg: segments are whole or not there, and their colours and times right."""

from __future__ import annotations

import os
import re
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers.sampling import every
from helpers.stages import needs_gpu
from helpers.tracks import (
    CODECS,
    HEIGHT,
    WIDTH,
    black,
    clip,
    described,
    encoder,
    packets,
    run,
    seen,
    settings,
    written,
)
from pydantic import ValidationError

from pipeline.encoder.ffmpeg import FFmpeg
from pipeline.encoder.segment import Segment
from pipeline.errors import UserError
from pipeline.ffmpeg.process import executable
from pipeline.ffmpeg.result import KilledError
from pipeline.frame import Tracks

OUTPUTS = [(name, suffix) for name in CODECS for suffix in encoder(name).suffixes]
YUV = ("h264", "hevc", "av1", "webm", "prores")
PATCHES = np.array(
    [
        [[255, 0, 0], [0, 255, 0], [0, 0, 255], [255, 255, 255]],
        [[0, 0, 0], [128, 128, 128], [250, 200, 40], [30, 90, 160]],
    ],
    np.uint8,
)
HOSTILE = "it's %d\n\"-ü, [a]\\"


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 256 kB."""
    disk = tmp_path / "small"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=256k", "dreamreel-test", str(disk)]
    try:
        done = subprocess.run(mount, capture_output=True, check=False)
    except FileNotFoundError:
        pytest.skip("there is no mount here to make a small disk")
    if done.returncode != 0:
        pytest.skip("only root may mount a small disk")
    try:
        yield disk
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def noise(count: int, height: int = HEIGHT, width: int = WIDTH) -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    return [rng.integers(0, 256, (height, width, 3), np.uint8) for _ in range(count)]


def a_line(error: pytest.ExceptionInfo[UserError]) -> str:
    text = str(error.value)
    assert text.isprintable()
    return text


@pytest.mark.parametrize(("name", "suffix"), OUTPUTS)
def test_a_check_tries_every_codec_in_every_container_and_leaves_nothing(
    name: str, suffix: str, tmp_path: Path
) -> None:
    encoder(name).check(clip(), tmp_path, suffix)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", YUV)
def test_colours_come_back_within_three_steps_and_are_tagged(name: str, tmp_path: Path) -> None:
    picture = PATCHES.repeat(64, axis=0).repeat(64, axis=1)
    height, width = picture.shape[:2]
    maker, shape = encoder(name), clip()
    shape = type(shape)(height, width, shape.rate)
    segments = written(maker, tmp_path, shape, [picture] * 3, [2, 1])
    path = tmp_path / f"out{maker.suffixes[0]}"
    maker.join(segments, path, shape, {})
    # The middle of each patch: codecs blur the seams, and colour has half the resolution.
    middles = seen(path, height, width)[:, 32::64, 32::64].astype(int)
    assert np.abs(middles - PATCHES.astype(int)).max() <= 3
    assert colour_tags(path) == {
        "range": "tv",
        "space": "bt709",
        "primaries": "bt709",
        "trc": "bt709",
    }


def colour_tags(path: Path) -> dict[str, str]:
    """The colour tags of the first decoded picture."""
    words = [executable(), "-i", str(path), "-frames:v", "1", "-vf", "showinfo", "-f", "null", "-"]
    done = subprocess.run(words, capture_output=True, check=True)
    found = re.findall(r"color_(range|space|primaries|trc):(\w+)", done.stderr.decode())
    return dict(found)


def test_ffv1_gives_back_every_bit(tmp_path: Path) -> None:
    maker, pictures = encoder("ffv1"), noise(5)
    segments = written(maker, tmp_path, clip(), pictures, [3, 2])
    maker.join(segments, tmp_path / "out.mkv", clip(), {})
    np.testing.assert_array_equal(seen(tmp_path / "out.mkv"), pictures)


@pytest.mark.parametrize("rate", every(4, ["24000/1001", "30000/1001", "25", "12/1", "60"]))
@pytest.mark.parametrize("name", ["h264", "hevc", "prores"])
def test_times_are_exact_over_short_and_long_segments(rate: str, name: str, tmp_path: Path) -> None:
    shape = clip(Fraction(rate))
    maker = encoder(name)
    # A segment of one picture has no room for B-frames: its neighbours' decoding times overlap.
    segments = written(maker, tmp_path, shape, noise(13), [5, 1, 1, 6])
    path = tmp_path / f"out{maker.suffixes[0]}"
    maker.join(segments, path, shape, {})
    found = packets(path, "v")
    assert [start for start, _, _ in found] == [n / shape.rate for n in range(13)]
    assert [length for _, length, _ in found] == [1 / shape.rate] * 13
    assert len(seen(path)) == 13


def test_the_order_of_pictures_survives_the_joints(tmp_path: Path) -> None:
    maker = encoder("h264")
    pictures = [np.full((HEIGHT, WIDTH, 3), 10 * n + 10, np.uint8) for n in range(20)]
    segments = written(maker, tmp_path, clip(), pictures, [7, 1, 1, 2, 9])
    maker.join(segments, tmp_path / "out.mp4", clip(), {})
    levels = seen(tmp_path / "out.mp4")[:, HEIGHT // 2, WIDTH // 2].astype(int)
    assert np.abs(levels - 10 * np.arange(1, 21)[:, None]).max() <= 3


def test_joining_copies_the_pictures(tmp_path: Path) -> None:
    maker = encoder("h264")
    segments = written(maker, tmp_path, clip(), noise(9), [4, 5])
    maker.join(segments, tmp_path / "out.mp4", clip(), {})
    # Any encoding would change noise. The bytes differ by headers that are repeated at each joint.
    before = np.concatenate([seen(segment) for segment in segments])
    np.testing.assert_array_equal(seen(tmp_path / "out.mp4"), before)


def test_the_same_pictures_make_the_same_bytes(tmp_path: Path) -> None:
    maker = encoder("h264")
    one, two = written(maker, tmp_path, clip(), noise(4) * 2, [4, 4])
    assert one.read_bytes() == two.read_bytes()


def test_a_segment_appears_only_when_it_is_closed(tmp_path: Path) -> None:
    path = tmp_path / "0.seg"
    with encoder("h264").open(path, clip()) as writer:
        writer.write(black(1)[0])
        assert not path.exists()
        writer.close()
        assert path.exists()
    assert [entry.name for entry in tmp_path.iterdir()] == ["0.seg"]


def test_an_error_in_the_block_leaves_no_file_and_no_ffmpeg(tmp_path: Path) -> None:
    (tmp_path / "other.seg").write_text("mine")
    writer = encoder("h264").open(tmp_path / "0.seg", clip())
    with pytest.raises(KeyError), writer:
        raise KeyError(writer.write(black(1)[0]))
    assert writer._process.popen.returncode is not None
    assert [entry.name for entry in tmp_path.iterdir()] == ["other.seg"]


@pytest.mark.parametrize("then", ["write", "close"])
def test_a_killed_encoder_is_an_error_and_nothing_counts(then: str, tmp_path: Path) -> None:
    big = type(clip())(480, 640, clip().rate)
    picture = np.zeros((480, 640, 3), np.uint8)
    writer = encoder("h264").open(tmp_path / "0.seg", big)
    writer.write(picture)
    os.kill(writer._process.popen.pid, signal.SIGKILL)
    writer._process.popen.wait()
    with pytest.raises(KilledError, match="signal 9") as error, writer:
        writer.write(picture) if then == "write" else writer.close()
    assert "run the same command again" in a_line(error)
    assert list(tmp_path.iterdir()) == []


def test_a_picture_that_got_lost_is_noticed_when_the_segment_is_closed(tmp_path: Path) -> None:
    lossy = ["-c:v", "ffv1", "-frames:v", "2", "-f", "mov"]
    writer = Segment(tmp_path / "0.seg", clip(), lossy)
    for picture in black(3):
        writer.write(picture)
    with pytest.raises(UserError, match="must contain all 3 pictures, got 2"):
        writer.close()
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_named_while_a_segment_is_written(small_disk: Path) -> None:
    with pytest.raises(UserError, match="No space left") as error:
        written(encoder("ffv1"), small_disk, clip(), noise(80), [80])
    assert "free some" in a_line(error)
    assert list(small_disk.iterdir()) == []


def test_a_full_disk_is_named_while_segments_are_joined(small_disk: Path) -> None:
    maker = encoder("ffv1")
    segments = written(maker, small_disk, clip(), noise(18), [18])  # 9 kB each
    with pytest.raises(UserError, match="No space left"):
        maker.join(segments, small_disk / "out.mkv", clip(), {})
    assert list(small_disk.iterdir()) == segments


def test_a_full_disk_is_named_by_the_check(small_disk: Path) -> None:
    with pytest.raises(OSError, match="No space"):
        (small_disk / "filler").write_bytes(bytes(1 << 20))
    with pytest.raises(UserError, match="No space left"):
        encoder("h264").check(clip(), small_disk, ".mp4")


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="must be writable"):
        encoder("h264").open(tmp_path / "gone" / "0.seg", clip())
    with pytest.raises(UserError, match="must be writable"):
        encoder("h264").check(clip(), tmp_path / "gone", ".mp4")


def test_folders_may_have_any_name(tmp_path: Path) -> None:
    folder = tmp_path / HOSTILE
    folder.mkdir()
    maker = encoder("h264")
    maker.check(clip(), folder, ".mp4")
    segments = written(maker, folder, clip(), black(3), [2, 1])
    path = folder / f"-{HOSTILE}.mp4"
    maker.join(segments, path, clip(), {})
    assert len(seen(path)) == 3


@pytest.mark.parametrize(
    ("options", "rule"),
    [
        ({"crff": 3}, r"encoder\.options\.crff: must be an option of libx264.*did you mean crf"),
        ({"f": "gif"}, r"encoder\.options\.f: must be an option"),
        ({"i": "/etc/passwd"}, r"encoder\.options\.i: must be an option"),
        ({"cpu-used": 3}, r"encoder\.options\.cpu-used: must be an option"),
        ({"crf": "fine"}, r'encoder\.options\.crf: .*Unable to parse "crf" option value "fine"'),
        ({"preset": "brisk"}, r"encoder\.options\.preset: .*brisk"),
        ({"x264-params": "foo=3"}, r"encoder\.options\.x264-params: .*foo"),
    ],
)
def test_an_option_that_the_codec_refuses_is_named(
    options: dict[str, object], rule: str, tmp_path: Path
) -> None:
    with pytest.raises(UserError, match=rule) as error:
        encoder("h264", options=options).check(clip(), tmp_path, ".mp4")
    a_line(error)
    assert list(tmp_path.iterdir()) == []


def test_a_codec_or_pixel_format_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"encoder\.codec: .*'nope'.*not recognized"):
        encoder("h264", codec="nope").check(clip(), tmp_path, ".mp4")
    with pytest.raises(UserError, match=r"nope.*encoder\.pixel_format"):
        encoder("h264", pixel_format="nope").check(clip(), tmp_path, ".mp4")
    # libx264 would take yuv444p in its place and say so in a warning only.
    with pytest.raises(UserError, match=r"gbrp.*encoder\.pixel_format"):
        encoder("h264", pixel_format="gbrp").check(clip(), tmp_path, ".mp4")


@pytest.mark.skipif(torch.cuda.is_available(), reason="an NVIDIA GPU is here")
def test_a_gpu_that_is_missing_is_named_with_what_does_without(tmp_path: Path) -> None:
    # ffmpeg ends with the code that a signal would leave, too
    with pytest.raises(
        UserError, match=r"^encoder: must find an NVIDIA GPU .*h264_nvenc.* encoder=h264$"
    ) as e:
        encoder("nvenc").check(clip(), tmp_path, ".mp4")
    a_line(e)


@needs_gpu
def test_a_gpu_encodes(tmp_path: Path) -> None:
    encoder("nvenc").check(replace(clip(), height=256, width=256), tmp_path, ".mp4")


def test_a_suffix_of_another_encoder_is_refused_with_the_right_ones(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"\.webm or \.mkv or \.mp4, got '\.mov'"):
        encoder("webm").check(clip(), tmp_path, ".mov")


@pytest.mark.parametrize(
    "change",
    [
        {"suffixes": [".avi"]},
        {"suffixes": []},
        {"codec": "libx264 -y"},
        {"pixel_format": "yuv420p,movie=x"},
        {"tag": "hevc1"},
        {"segment_format": "matroska"},
        {"options": {"crf:a": 3}},
    ],
)
def test_settings_that_mean_nothing_are_refused(change: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        encoder("h264", **change)


def test_every_setting_stands_in_the_yaml() -> None:
    with pytest.raises(ValidationError):
        FFmpeg(**{k: v for k, v in settings("h264").items() if k != "tag"})  # type: ignore[arg-type]


@pytest.mark.parametrize("suffix", [".mp4", ".mov"])
def test_hevc_bears_the_letters_that_players_know(suffix: str, tmp_path: Path) -> None:
    maker = encoder("hevc")
    path = tmp_path / f"out{suffix}"
    maker.join(written(maker, tmp_path, clip(), black(3), [3]), path, clip(), {})
    assert "hvc1" in described(path)


@pytest.mark.parametrize("suffix", [".mp4", ".mov"])
def test_a_browser_can_begin_before_it_has_the_whole(suffix: str, tmp_path: Path) -> None:
    maker = encoder("h264")
    path = tmp_path / f"out{suffix}"
    maker.join(written(maker, tmp_path, clip(), black(3), [3]), path, clip(), {})
    content = path.read_bytes()
    assert content.index(b"moov") < content.index(b"mdat")


@pytest.mark.parametrize("rate", ["25", "30000/1001"])
def test_a_gif_has_every_picture_and_near_colours(rate: str, tmp_path: Path) -> None:
    maker, shape = encoder("gif"), clip(Fraction(rate))
    pictures = [*black(3), *black(3, flash=1)]
    pictures[5][:, : WIDTH // 2] = (200, 40, 90)
    path = tmp_path / "out.gif"
    segments = written(maker, tmp_path, shape, pictures, [2, 4])
    maker.join(segments, path, shape, {"comment": "lost"})
    got = seen(path).astype(int)
    # Few colours, so each has a place of its own in the palette, 5 bits deep or better.
    assert got.shape == (6, HEIGHT, WIDTH, 3)
    assert np.abs(got - np.array(pictures)).max() <= 8
    assert sorted(tmp_path.iterdir()) == [*segments, path]
    assert run("-i", path, "-f", "null", "-") == b""


def test_a_gif_cannot_be_faster_than_players_show(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"at most 50 frames/s as a \.gif, got 60"):
        encoder("gif").check(clip(Fraction(60)), tmp_path, ".gif")


def test_a_picture_of_another_shape_is_refused(tmp_path: Path) -> None:
    writer = encoder("h264").open(tmp_path / "0.seg", clip())
    with pytest.raises(ValueError, match="a picture must have shape"), writer:
        writer.write(np.zeros((HEIGHT, WIDTH, 4), np.uint8))


def test_a_check_fails_at_once_if_the_sound_is_gone(tmp_path: Path) -> None:
    tracks = Tracks(tmp_path / "gone.mp4", audio=("aac",))
    with pytest.raises(UserError, match=r"gone\.mp4: must be readable"):
        encoder("h264").check(clip(tracks=tracks), tmp_path, ".mp4")
    assert list(tmp_path.iterdir()) == []
