"""A 360-degree video stays one, and nothing else of the file changes."""

from __future__ import annotations

from pathlib import Path

import pytest
from helpers.clips import LIMITS, X264, counted, numbers, run, video
from helpers.stages import part

from pipeline.ffmpeg.probe import probe
from pipeline.ffmpeg.spherical import write_spherical_tag

TONE = ("-f", "lavfi", "-i", "sine=duration=1")


def contents(path: Path) -> list[bytes]:
    """Return the sums of the packets of picture and of sound."""
    return [run("-i", str(path), "-map", f"0:{kind}", "-c", "copy", "-f", "md5", "-")
            for kind in "va"]  # fmt: skip


@pytest.mark.parametrize("layout", ["mono", "top-bottom", "left-right"])
@pytest.mark.parametrize("flags", [(), ("-movflags", "+faststart")])
@pytest.mark.parametrize("name", ["a.mp4", "a.mov"])
def test_a_mark_is_read_back_and_every_packet_stays(
    tmp_path: Path, name: str, flags: tuple[str, ...], layout: str
) -> None:
    path = counted(tmp_path / name, *X264, "-map", "0:v", "-map", "1:a", *flags, before=TONE)
    before = contents(path)
    write_spherical_tag(path, layout)
    assert probe(path, LIMITS).look.sphere == layout
    assert numbers(video(path).pictures()) == list(range(20))
    assert contents(path) == before
    assert [file.name for file in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize("content", [b"", b"moov", bytes(100), b"\0\0\0\x10moov\0\0\0\x08trak"])
def test_a_file_of_another_form_is_refused_and_stays(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.mp4"
    path.write_bytes(content)
    with pytest.raises(ValueError, match="the file has no"):
        write_spherical_tag(path, "mono")
    assert path.read_bytes() == content
    assert [file.name for file in tmp_path.iterdir()] == ["a.mp4"]


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv"])
def test_what_is_joined_from_a_360_degree_video_is_one(
    tmp_path: Path, suffix: str, caplog: pytest.LogCaptureFixture
) -> None:
    source = counted(tmp_path / "a.mp4", *X264, "-map", "0:v", "-map", "1:a", before=TONE)
    write_spherical_tag(source, "top-bottom")
    clip = video(source).clip
    encoder = part("encoder", "h264")
    with encoder.open(tmp_path / "segment", clip) as writer:
        for picture in video(source).pictures():
            writer.write(picture)
    made = tmp_path / f"x{suffix}"
    encoder.join([tmp_path / "segment"], made, clip, {"comment": "a test"})
    facts = probe(made, LIMITS)
    assert facts.look.sphere == ("" if suffix == ".mkv" else "top-bottom")
    assert facts.audio == ("aac",)
    assert numbers(video(made).pictures()) == list(range(20))
    assert ("support 360-degree metadata, so it is omitted" in caplog.text) == (suffix == ".mkv")
