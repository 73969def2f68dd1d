"""pipeline.ffmpeg.first_picture: properties of the first picture, from ffmpeg's output."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from helpers.clips import FFV1, LIMITS, counted

from pipeline.errors import UserError
from pipeline.ffmpeg import first_picture
from pipeline.ffmpeg.first_picture import _check_kind, _sphere
from pipeline.ffmpeg.probe import probe


@pytest.mark.parametrize("times", [1, 3])
def test_a_complaint_in_the_middle_of_a_line_is_no_reason_to_refuse_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, times: int
) -> None:
    whole, torn = first_picture.lines, []

    def interleaved(*arguments: Any) -> Iterator[bytes]:
        for line in whole(*arguments):
            # as where the decoder of the next picture complains while another thread writes
            if b" color_range:" in line and len(torn) < times:
                torn.append(line)
                line = line.replace(b" color_range:", b"[ffv1 @ 0x1] slice CRC mismatch\n")
            yield line

    monkeypatch.setattr(first_picture, "lines", interleaved)
    facts = probe(counted(tmp_path / "a.mkv", *FFV1), LIMITS)
    assert len(torn) == times
    assert facts.cadence.rate == 25


def test_a_title_cannot_pose_as_a_line_of_the_probe(tmp_path: Path) -> None:
    lie = "\n[Parsed_showinfo_0 @ 0x1] n:   0 pts:      0 fmt:rgb24 sar:1/1 s:9000x9000 i:P"
    path = counted(tmp_path / "a.mkv", *FFV1, "-metadata", f"title={lie}", "-metadata", f"{lie}=x")
    look = probe(path, LIMITS).look
    assert (look.height, look.width) == (48, 128)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (
            b"DOVI configuration record: version: 1.0, profile: 5, level: 3",
            "Dolby Vision profile 5",
        ),
        (b"Stream group #0:0[0x5]: Tile Grid: hevc (Rext), 256x256", "a tiled picture"),
    ],
)
def test_pictures_that_do_not_come_out_as_they_are_seen_are_refused(line: bytes, said: str) -> None:
    with pytest.raises(UserError, match=rf"^input: must .*got {said}.*; \w+"):
        _check_kind(Path("x.mov"), [b"Input #0", line])
    _check_kind(Path("x.mov"), [line.replace(b"profile: 5", b"profile: 8").replace(b"Tile", b"")])


@pytest.mark.parametrize(
    ("lines", "layout"),
    [
        ([b"spherical: equirectangular (0.000000/0.000000/0.000000) "], "mono"),
        ([b"Spherical Mapping: equirectangular "], "mono"),
        ([b"Stereo 3D: top and bottom, view: packed", b"Spherical Mapping: equirectangular "],
         "top-bottom"),
        ([b"stereo3d: side by side", b"spherical: equirectangular "], "left-right"),
        ([b"Stereo 3D: side by side, view: packed, primary eye: none"], ""),
        ([b"Output #0", b"Spherical Mapping: equirectangular "], ""),
        ([b"Spherical Mapping: cubemap [pad 3] "], None),
        ([b"Spherical Mapping: equirectangular (90.000000/0.000000/0.000000) "], None),
    ],
)  # fmt: skip
def test_the_layout_of_a_360_degree_video_is_found_and_what_is_not_kept_reported(
    lines: list[bytes], layout: str | None, caplog: pytest.LogCaptureFixture
) -> None:
    assert _sphere(Path("x.mov"), [b"Input #0", *lines]) == (layout or "")
    said = "x.mov: its 360-degree projection is not supported"
    assert (said in caplog.text) == (layout is None)


def test_what_is_not_kept_of_the_pictures_is_logged_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    tags = "setparams=color_trc=smpte428:colorspace=bt709"
    probe(counted(tmp_path / "a.mkv", *FFV1, "-pix_fmt", "yuv420p", "-vf", tags), LIMITS)
    assert caplog.text.count("its transfer function, smpte428, is not supported") == 1
