"""Colours: pictures whose numbers were computed here come out as the RGB they stand for."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers.clips import FFV1, run, video, write
from helpers.patches import (
    PATCHES,
    SIDE,
    TO_2020,
    Floats,
    hybrid_log_gamma,
    perceptual_quantizer,
    planes,
    screen,
)

from pipeline.ffmpeg.decode_filters import has_alpha, is_yuv


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
    tmp_path: Path, changed: tuple[str, str], caplog: pytest.LogCaptureFixture
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
    said = f"size of its pictures changes from 64x48 to {changed[0]}; all"
    assert (said in caplog.text) == (changed[0] != "64x48")
    assert "damaged" not in caplog.text


CHROMATICITIES = {
    "bt709": ((0.64, 0.33), (0.3, 0.6), (0.15, 0.06)),
    "bt2020": ((0.708, 0.292), (0.17, 0.797), (0.131, 0.046)),
    "smpte170m": ((0.63, 0.34), (0.31, 0.595), (0.155, 0.07)),
    "smpte240m": ((0.63, 0.34), (0.31, 0.595), (0.155, 0.07)),
    "bt470bg": ((0.64, 0.33), (0.29, 0.6), (0.15, 0.06)),
    "smpte432": ((0.68, 0.32), (0.265, 0.69), (0.15, 0.06)),
}
"""x and y of red, green and blue (ITU-T H.273); white is D65."""
WHITE = np.array([0.3127 / 0.3290, 1, (1 - 0.3127 - 0.3290) / 0.3290])
GAMMA = {"bt709": 2.4, "smpte170m": 2.4, "bt2020-10": 2.4, "bt470m": 2.2, "bt470bg": 2.8}
"""Of a screen that shows values of these transfers (ITU-R BT.1886, H.273)."""


def to_xyz(primaries: str) -> Floats:
    """The matrix from linear RGB of these primaries to XYZ."""
    columns = np.array([[x / y, 1, (1 - x - y) / y] for x, y in CHROMATICITIES[primaries]]).T
    return columns * np.linalg.solve(columns, WHITE)


def as_bt709(rgb: Floats, primaries: str, transfer: str) -> Floats:
    """The values (N, 3) in 0..255 that show the same colours with BT.709's primaries."""
    gamma = GAMMA[transfer]
    matrix = np.linalg.solve(to_xyz("bt709"), to_xyz(primaries))
    light = (rgb**gamma) @ matrix.T
    return np.asarray(255 * np.clip(light, 0, 1) ** (1 / gamma))


@pytest.mark.parametrize("transfer", GAMMA)
@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize("matrix", ["bt709", "smpte170m", "bt2020nc"])
@pytest.mark.parametrize("primaries", CHROMATICITIES)
def test_colours_of_other_primaries_are_true(
    tmp_path: Path, primaries: str, matrix: str, full: bool, transfer: str
) -> None:
    tags = (
        f"setparams=colorspace={matrix}:range={'pc' if full else 'tv'}:"
        f"color_primaries={primaries}:color_trc={transfer}"
    )
    given = PATCHES / 255
    found = patches(tmp_path / "a.mkv", given, tags=tags, matrix=matrix, full=full, bits=10)
    wanted = as_bt709(given, primaries, transfer)
    # a step of 10 bits is several of 8 where the curve begins
    assert (np.abs(found - wanted) <= np.where(wanted < 8, 5, 2)).all()
    kept = transfer if transfer in ("bt470m", "bt470bg") else "bt709"
    assert video(tmp_path / "a.mkv").clip.transfer == kept


@pytest.mark.parametrize("height", [576, 720])
@pytest.mark.parametrize("pixels", ["uyvy422", "yuyv422", "nv12", "yuva444p", "yuv411p"])
def test_packed_pictures_have_the_matrix_of_their_lines(
    tmp_path: Path, pixels: str, height: int
) -> None:
    raw = planes(PATCHES / 255, height=height, matrix="bt709" if height == 720 else "smpte170m",
                 full=False, bits=8)  # fmt: skip
    path = tmp_path / "a.nut"
    write(path, raw, "-c:v", "rawvideo", "-vf", f"format={pixels}", pixels="yuv420p",
          size=(height, SIDE * len(PATCHES)))  # fmt: skip
    source = video(path)
    found = next(source.pictures())[height // 2, SIDE // 2 :: SIDE].astype(np.float64)
    assert np.abs(found - PATCHES).max() <= 3


def test_pixel_formats_are_told_apart_as_ffmpeg_describes_them() -> None:
    listed = run("-pix_fmts").decode()
    found = re.findall(r"^[I.][O.]([H.])[P.][B.] (\S+) +(\d)", listed, re.MULTILINE)
    known = {name: int(count) for hardware, name, count in found if hardware == "." and name != "="}
    assert len(known) > 150
    assert {name for name in known if has_alpha(name)} == {
        name for name, count in known.items() if count in (2, 4) or name == "pal8"
    }
    no_yuv = {name for name in known if not is_yuv(name)}
    assert {name for name, count in known.items() if count <= 2} <= no_yuv
    starts = ("yuv", "nv", "p0", "p2", "p4", "uyvy", "uyyv", "yvyu", "yuyv", "y21", "xv", "v30",
              "ayuv", "vuy", "vyu", "uyva")  # fmt: skip
    assert known.keys() - no_yuv == {name for name in known if name.startswith(starts)}


@pytest.mark.parametrize(("pixels", "codec"), [("uyvy422", "rawvideo"), ("yuv422p", "ffv1")])
def test_interlaced_pictures_of_any_packing_are_parted(
    tmp_path: Path, pixels: str, codec: str
) -> None:
    # a bar that moves fast: its edges are combs where the fields were not parted
    path = tmp_path / "a.mov"
    run("-f", "lavfi", "-i", "color=black:s=64x64:r=50:d=0.4", "-f", "lavfi",
        "-i", "color=white:s=16x64:r=50:d=0.4", "-filter_complex",
        f"[0][1]overlay=x=n*4,tinterlace=interleave_top,setfield=tff,format={pixels}",
        "-flags", "+ilme+ildct", "-c:v", codec, "-field_order", "tt", str(path))  # fmt: skip
    picture = list(video(path).pictures())[4][:, :, 1].astype(np.float64)
    combs = np.abs(picture[1:-1] - (picture[:-2] + picture[2:]) / 2)
    assert combs.mean() < 4
