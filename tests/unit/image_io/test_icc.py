"""Pictures that become video have the colours of a usual screen, whatever profile they carry."""

from __future__ import annotations

import logging
import struct
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import pytest
from helpers.clips import LIMITS, images
from PIL import Image, ImageCms

from pipeline.image_io.reader import read

P3 = ((0.51512, 0.2412, -0.00105), (0.29198, 0.69225, 0.04189), (0.1571, 0.06657, 0.78407))
SRGB = ((0.43607, 0.22249, 0.01392), (0.38515, 0.71687, 0.09708), (0.14307, 0.06061, 0.7141))
"""XYZ of red, green and blue before D50 (SMPTE EG 432-1 and IEC 61966-2-1, by Bradford)."""


def display_p3(gamma: float = 2.2) -> bytes:
    """Return an ICC profile (ICC.1:2001-04) of Display P3's primaries and this gamma."""

    def s15(value: float) -> bytes:
        return struct.pack(">i", round(value * 65536))

    def xyz(values: tuple[float, ...]) -> bytes:
        return b"XYZ \0\0\0\0" + b"".join(map(s15, values))

    curve = b"curv\0\0\0\0" + struct.pack(">IH", 1, round(gamma * 256)) + b"\0\0"
    tags = dict(zip((b"rXYZ", b"gXYZ", b"bXYZ"), map(xyz, P3), strict=True))
    tags |= {b"wtpt": xyz((0.9642, 1.0, 0.8249)), b"rTRC": curve, b"gTRC": curve, b"bTRC": curve}
    tags[b"desc"] = b"desc\0\0\0\0" + struct.pack(">I", 3) + b"P3\0" + bytes(78)
    tags[b"cprt"] = b"text\0\0\0\0CC0\0"
    table, body, at = struct.pack(">I", len(tags)), b"", 132 + 12 * len(tags)
    for name, content in tags.items():
        table += name + struct.pack(">II", at + len(body), len(content))
        body += content + bytes(-len(content) % 4)
    head = struct.pack(
        ">I4sI4s4s4s", at + len(body), b"none", 0x02400000, b"mntr", b"RGB ", b"XYZ "
    )
    head += struct.pack(">6H", 2026, 1, 1, 0, 0, 0) + b"acsp" + bytes(28)
    head += b"".join(map(s15, (0.9642, 1.0, 0.8249)))
    return head.ljust(128, b"\0") + table + body


def expected(colours: npt.NDArray[np.uint8]) -> npt.NDArray[np.float64]:
    """Return these colours (N, 3) of that profile as code values of sRGB, without clipping."""
    light = (colours / 255) ** 2.2 @ np.array(P3) @ np.linalg.inv(np.array(SRGB))
    curve = np.where(light <= 0.0031308, 12.92 * light, 1.055 * np.abs(light) ** (1 / 2.4) - 0.055)
    return np.asarray(255 * curve)


@pytest.mark.parametrize("suffix", ["png", "jpg", "tif", "webp"])
def test_colours_of_a_wide_profile_are_converted(tmp_path: Path, suffix: str) -> None:
    colours = np.array([(128, 128, 128), (200, 150, 120), (90, 140, 100), (60, 80, 160),
                        (255, 255, 255), (0, 0, 0), (220, 190, 60)], np.uint8)  # fmt: skip
    path = tmp_path / f"a.{suffix}"
    patches = np.repeat(np.repeat(colours[None], 32, 0), 32, 1)
    options = {"lossless": True} if suffix == "webp" else {"quality": 100, "subsampling": 0}
    Image.fromarray(patches).save(path, icc_profile=display_p3(), **options)
    centres = next(images(path).pictures())[16, 16::32].astype(float)
    # 1 of rounding, and 1 of a JPEG
    assert np.abs(centres - np.clip(expected(colours), 0, 255)).max() <= 2.5
    assert np.abs(centres - colours).max() > 6  # what a picture is off that is not converted


def test_a_picture_of_sixteen_bits_with_alpha_is_converted_before_it_is_shown_over_black(
    tmp_path: Path,
) -> None:
    path = tmp_path / "a.png"
    pixels = np.full((32, 32, 4), (120 * 257, 150 * 257, 200 * 257, 65535), np.uint16)
    pixels[:16, :, 3] = 32768
    profile = np.frombuffer(display_p3(), np.uint8)
    cv2.imwriteWithMetadata(str(path), pixels, [cv2.IMAGE_METADATA_ICCP], [profile])
    whole = expected(np.array([(200, 150, 120)], np.uint8))[0]
    picture = read(path, LIMITS)
    assert np.abs(picture[24, 16] - whole).max() <= 1.5
    assert np.abs(picture[8, 16] - whole / 2).max() <= 1.5


def test_a_usual_profile_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    pixels = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    usual = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    Image.fromarray(pixels).save(path, icc_profile=usual)
    assert np.abs(read(path, LIMITS).astype(int) - pixels).max() <= 1


def test_a_profile_that_cannot_be_used_is_reported(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "a.tif"
    broken = bytearray(display_p3())
    broken[132:] = bytes(len(broken) - 132)
    pixels = np.full((32, 32, 3), (200, 150, 120), np.uint8)
    Image.fromarray(pixels).save(path, icc_profile=bytes(broken))
    with caplog.at_level(logging.WARNING):
        assert (read(path, LIMITS) == pixels).all()
    assert "its colour profile cannot be used" in caplog.text
