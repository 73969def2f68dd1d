"""Colours: pictures whose numbers were computed here come out as the RGB they stand for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from clips import FFV1, run, video, write
from patches import (
    PATCHES,
    SIDE,
    TO_2020,
    Floats,
    hybrid_log_gamma,
    perceptual_quantizer,
    planes,
    screen,
)


def patches(path: Path, rgb: Floats, *, tags: str, height: int = 48, **coding: Any) -> Floats:
    """The colours (N, 3) that come out of a file with these patches, tagged so."""
    size = (height, SIDE * len(rgb))
    pixels = "yuv420p" if coding["bits"] == 8 else "yuv420p10le"
    raw = planes(rgb, height=height, **coding)
    # without this option ffv1 is handed a limited range whatever the tags say
    span = ("-color_range", "pc" if coding["full"] else "tv") if tags != "null" else ()
    write(path, raw, *FFV1, "-vf", tags, *span, pixels=pixels, size=size)
    picture = next(video(path).pictures())
    return picture[height // 2, SIDE // 2 :: SIDE].astype(np.float64)


@pytest.mark.parametrize("bits", [8, 10])
@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize("matrix", ["bt709", "smpte170m", "bt2020nc"])
def test_tagged_colours_are_true(tmp_path: Path, matrix: str, full: bool, bits: int) -> None:
    tags = f"setparams=colorspace={matrix}:range={'pc' if full else 'tv'}"
    found = patches(
        tmp_path / "a.mkv", PATCHES / 255, tags=tags, matrix=matrix, full=full, bits=bits
    )
    assert np.abs(found - PATCHES).max() <= 2


@pytest.mark.parametrize(("height", "matrix"), [(718, "smpte170m"), (720, "bt709")])
def test_untagged_colours_are_taken_by_the_number_of_lines(
    tmp_path: Path, height: int, matrix: str
) -> None:
    found = patches(
        tmp_path / "a.mkv",
        PATCHES / 255,
        tags="null",
        height=height,
        matrix=matrix,
        full=False,
        bits=8,
    )
    assert np.abs(found - PATCHES).max() <= 2


DIM = np.array([[0.0] * 3, [0.05] * 3, [0.18] * 3, [0.3] * 3, [0.2, 0.05, 0.05], [0.05, 0.2, 0.05]])
BRIGHT = np.array([[0.3] * 3, [0.5] * 3, [1.0] * 3, [2.0] * 3, [4.0] * 3])
CODING: dict[str, Any] = {"matrix": "bt2020nc", "full": False, "bits": 10}


def tags(transfer: str) -> str:
    """The filter that tags a picture as HDR."""
    return f"setparams=range=tv:color_primaries=bt2020:color_trc={transfer}:colorspace=bt2020nc"


def test_pq_keeps_its_brightness_up_to_a_third_of_white(tmp_path: Path) -> None:
    signal = perceptual_quantizer(DIM @ TO_2020.T * 203 / 10000)
    found = patches(tmp_path / "a.mkv", signal, tags=tags("smpte2084"), **CODING)
    assert np.abs(found - screen(DIM)).max() <= 2


def test_hlg_keeps_its_greys_up_to_a_third_of_white(tmp_path: Path) -> None:
    signal = hybrid_log_gamma(DIM @ TO_2020.T * 203 / 1000)
    found = patches(tmp_path / "a.mkv", signal, tags=tags("arib-std-b67"), **CODING)
    assert np.abs(found - screen(DIM))[:4].max() <= 2
    # zscale bends each colour by itself where BT.2100 bends the luma
    assert np.abs(found - screen(DIM)).max() <= 12


@pytest.mark.parametrize("transfer", ["smpte2084", "arib-std-b67"])
def test_highlights_are_compressed_and_stay_grey_and_apart(tmp_path: Path, transfer: str) -> None:
    light = BRIGHT * 203
    pq = transfer == "smpte2084"
    signal = perceptual_quantizer(light / 10000) if pq else hybrid_log_gamma(light / 1000)
    found = patches(tmp_path / "a.mkv", signal, tags=tags(transfer), **CODING)
    assert np.ptp(found, axis=1).max() <= 1
    assert (np.diff(found[:, 0]) >= 5).all()
    assert 200 < found[2, 0] < 235  # paper white is bright, with room for lamps above it


def test_hdr_may_be_asked_for_in_another_size(tmp_path: Path) -> None:
    grey = planes(np.full((4, 3), 0.5), height=48, **CODING)
    size = (48, 4 * SIDE)
    path = write(
        tmp_path / "a.mkv", grey, *FFV1, "-vf", tags("smpte2084"), pixels="yuv420p10le", size=size
    )
    assert next(video(path, width=64).pictures()).shape == (24, 64, 3)


@pytest.mark.parametrize("pixels", ["gbrp", "bgr0", "gbrp10le"])
def test_rgb_is_handed_through_untouched(tmp_path: Path, pixels: str) -> None:
    picture = np.random.default_rng(0).integers(0, 256, (48, 64, 3), np.uint8)
    path = write(tmp_path / "a.mkv", [picture], *FFV1, "-pix_fmt", pixels)
    assert np.abs(next(video(path).pictures()).astype(int) - picture).max() <= (pixels[-1] == "e")


def test_jpeg_pictures_have_the_full_range(tmp_path: Path) -> None:
    picture = np.zeros((48, 64, 3), np.uint8)
    picture[:, 32:] = 255
    path = write(tmp_path / "a.avi", [picture], "-c:v", "mjpeg", "-q:v", "2")
    found = next(video(path).pictures())
    assert found[:, :16].max() <= 2
    assert found[:, 48:].min() >= 253


@pytest.mark.parametrize(("name", "codec"), [("a.mov", "png"), ("a.mov", "prores_ks")])
def test_what_is_transparent_is_seen_over_black(tmp_path: Path, name: str, codec: str) -> None:
    picture = np.full((48, 64, 4), 200, np.uint8)
    picture[:, :32, 3], picture[:, 32:, 3] = 0, 255
    pixels = {"png": "rgba", "prores_ks": "yuva444p10le"}[codec]
    path = write(tmp_path / name, [picture], "-c:v", codec, "-pix_fmt", pixels, pixels="rgba")
    found = next(video(path).pictures()).astype(int)
    assert found[:, :24].max() <= 2
    assert np.abs(found[:, 40:] - 200).max() <= 2


@pytest.mark.parametrize(
    "changed", [("96x64", "yuv420p"), ("32x32", "yuv420p"), ("64x48", "yuv422p")]
)
def test_a_change_on_the_way_keeps_the_size_of_the_start(
    tmp_path: Path, changed: tuple[str, str]
) -> None:
    parts: list[bytes] = []
    for size, pixels in (("64x48", "yuv420p"), changed, ("64x48", "yuv420p")):
        part = tmp_path / f"{len(parts)}.ts"
        fields = f"testsrc2=s={size}:r=50:d=0.4,tinterlace=interleave_top,setfield=tff"
        codec = ("-c:v", "mpeg2video", "-flags", "+ildct+ilme", "-pix_fmt", pixels)
        run("-f", "lavfi", "-i", fields, *codec, str(part))
        parts.append(part.read_bytes())
    path = tmp_path / "all.ts"
    path.write_bytes(b"".join(parts))
    first, second = (list(video(path).pictures()) for _ in range(2))
    assert {picture.shape for picture in first} == {(48, 64, 3)}
    assert len(first) == pytest.approx(30, abs=2)  # a seam may take a frame
    assert all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))
