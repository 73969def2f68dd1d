"""Input files of any name are opened, what is no video is refused, and nothing hangs."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers.clips import FFV1, counted, numbers, run, video, write

from pipeline.errors import UserError
from pipeline.ffmpeg.decoding import wait


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twenty numbered pictures at 25 a second."""
    return counted(tmp_path_factory.mktemp("clips") / "counted.mp4")


@pytest.mark.parametrize(
    "name",
    [
        b"a\nb.mp4",
        b'it\'s "quoted" $(x) `y`.mp4',
        b"-y.mp4",
        b"\xff\xfe.mp4",
        b"%d%s.mp4",
        b"a:b.mp4",
        b"concat:a|b.mp4",
        "ünï (1), [2].mp4".encode(),
        b"\x1b[31m.mp4",
        b"n" * 250 + b".mp4",
    ],
)
def test_any_name_that_the_disk_allows_is_opened(
    tmp_path: Path, clip: Path, name: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    path = Path(os.fsdecode(name))
    path.write_bytes(clip.read_bytes())
    source = video(path, frames=2)
    assert numbers(source.pictures()) == [0, 1]


def test_reading_on_counts_as_life(clip: Path) -> None:
    ends = os.pipe()
    file = os.open(clip, os.O_RDONLY)

    class Busy:
        """Reads a byte each time that the clock is looked at, and in the end writes one."""

        def __init__(self) -> None:
            self.times = iter(range(100))

        def monotonic(self) -> float:
            now = next(self.times)
            os.read(file, 1)
            if now == 20:
                os.write(ends[1], b"x")
            return now

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("pipeline.ffmpeg.decoding.time", Busy())
        wait(ends[0], file=file, path=clip, seconds=0.01)  # 20 of its seconds, and no error
    for descriptor in (*ends, file):
        os.close(descriptor)


def refuse_folder(folder: Path) -> Path:
    return folder


def refuse_missing(folder: Path) -> Path:
    return folder / "gone.mp4"


def refuse_fifo(folder: Path) -> Path:
    os.mkfifo(folder / "fifo.mp4")
    return folder / "fifo.mp4"


def refuse_device(folder: Path) -> Path:
    return Path("/dev/zero")


def refuse_empty(folder: Path) -> Path:
    (folder / "empty.mp4").touch()
    return folder / "empty.mp4"


def refuse_text(folder: Path) -> Path:
    (folder / "text.mp4").write_text("this is no video\n" * 100)
    return folder / "text.mp4"


def refuse_noise(folder: Path) -> Path:
    (folder / "noise.mp4").write_bytes(np.random.default_rng(0).bytes(20000))
    return folder / "noise.mp4"


def refuse_sound(folder: Path) -> Path:
    run("-f", "lavfi", "-i", "sine=d=0.2", str(folder / "sound.mp4"))
    return folder / "sound.mp4"


def refuse_beheaded(folder: Path) -> Path:
    path = counted(folder / "cut.mp4")
    path.write_bytes(path.read_bytes()[:-2000])  # the index is at the end
    return path


def refuse_one_pixel(folder: Path) -> Path:
    return write(folder / "dot.mkv", [np.zeros((1, 1, 3), np.uint8)] * 3, *FFV1)


def refuse_playlist(folder: Path) -> Path:
    counted(folder / "secret.ts")
    text = "#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\nsecret.ts\n#EXT-X-ENDLIST\n"
    (folder / "list.mp4").write_text(text)
    return folder / "list.mp4"


def refuse_script(folder: Path) -> Path:
    counted(folder / "secret.ts")
    (folder / "script.mp4").write_text("ffconcat version 1.0\nfile secret.ts\n")
    return folder / "script.mp4"


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (refuse_folder, "folder"),
        (refuse_missing, "No such file"),
        (refuse_fifo, "pipe or device"),
        (refuse_device, "pipe or device"),
        (refuse_empty, "0 bytes"),
        (refuse_text, "must be a video"),
        (refuse_noise, "must be a video"),
        (refuse_sound, "only sound"),
        (refuse_beheaded, "moov atom not found"),
        (refuse_one_pixel, "at least 16x16 pixels, got 1x1"),
        (refuse_playlist, "must be a video"),
        (refuse_script, "must be a video"),
    ],
)
def test_what_is_no_video_is_refused_in_one_line(
    tmp_path: Path, make: Any, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match=reason) as caught:
        _ = video(make(tmp_path)).clip
    assert str(caught.value).isprintable()
    assert str(caught.value).startswith("input: must ")
