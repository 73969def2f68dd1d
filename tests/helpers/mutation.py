"""Small good files of many formats, and ways to break them, the same for the same number."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
from helpers.clips import FFV1, MPEG2, X264, write

HEIGHT, WIDTH = 48, 64
FRAMES = 6
TONE = ("-f", "lavfi", "-i", "sine=d=0.24")
VIDEOS = {
    "a.mp4": (*X264, "-g", "3", "-c:a", "aac"),
    "fast.mp4": (*X264, "-bf", "2", "-movflags", "+faststart", "-c:a", "aac"),
    "fragments.mp4": (*X264, "-movflags", "+frag_keyframe+empty_moov", "-g", "2"),
    "a.mov": ("-c:v", "prores_ks", "-c:a", "pcm_s16le"),
    "runs.mov": ("-c:v", "qtrle", "-pix_fmt", "argb", "-an"),
    "a.mkv": (*FFV1, "-g", "1", "-c:a", "flac"),
    "h264.mkv": (*X264, "-c:a", "libvorbis"),
    "a.webm": ("-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", "8", "-c:a", "libopus"),
    "a.ts": (*MPEG2, "-c:a", "mp2"),
    "h264.ts": (*X264, "-g", "3", "-c:a", "ac3"),
    "a.mpg": (*MPEG2, "-c:a", "mp2"),
    "a.avi": ("-c:v", "mjpeg", "-q:v", "4", "-c:a", "pcm_s16le"),
    "mpeg4.avi": ("-c:v", "mpeg4", "-c:a", "libmp3lame"),
    "a.flv": ("-c:v", "flv", "-c:a", "libmp3lame"),
    "a.ogv": ("-c:v", "libtheora", "-c:a", "libvorbis"),
    "a.wmv": ("-c:v", "wmv2", "-c:a", "wmav2"),
    "a.mxf": (*MPEG2, "-an"),
    "a.nut": (*X264, "-c:a", "mp2"),
    "a.h264": (*X264, "-an"),
    "a.y4m": ("-pix_fmt", "yuv420p", "-an"),
    "a.gif": ("-c:v", "gif", "-an"),
    "a.apng": ("-c:v", "apng", "-an"),
    "a.webp": ("-c:v", "libwebp_anim", "-an"),
}
"""Name -> ffmpeg's options for a video of six frames."""
PICTURES = {
    **dict.fromkeys(("a.png", "a.jpg", "a.tiff", "a.webp", "a.bmp", "a.ppm", "a.jp2"), (3, 8)),
    **dict.fromkeys(("deep.png", "deep.tiff"), (3, 16)),
    **dict.fromkeys(("clear.png", "clear.tiff", "clear.webp"), (4, 8)),
    **dict.fromkeys(("grey.png", "grey.jpg", "grey.pgm"), (1, 8)),
}
"""Name -> channels and bits of a picture."""
NUMBERS = (0, 1, 2, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)
"""Where programs count wrong."""


def video(path: Path) -> None:
    """The good video of that name: blurred noise that moves."""
    noise = np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH + 4 * FRAMES, 3), np.uint8)
    soft = cv2.GaussianBlur(noise, (0, 0), 3)
    pictures = [soft[:, 4 * n : 4 * n + WIDTH].copy() for n in range(FRAMES)]
    write(path, pictures, *VIDEOS[path.name], before=TONE)


def picture(path: Path) -> None:
    """The good picture of that name."""
    channels, bits = PICTURES[path.name]
    kind = np.uint8 if bits == 8 else np.uint16
    shape = (HEIGHT, WIDTH, channels) if channels > 1 else (HEIGHT, WIDTH)
    noise = np.random.default_rng(0).integers(0, 1 << bits, shape, kind)
    assert cv2.imwrite(str(path), cv2.GaussianBlur(noise, (0, 0), 3))


def mutated(data: bytes, seed: int) -> bytes:
    """The file with one to three faults."""
    rng = random.Random(seed)
    hurt = bytearray(data)
    for _ in range(rng.randint(1, 3)):
        rng.choice(FAULTS)(hurt, rng)
    return bytes(hurt)


def _place(data: bytearray, rng: random.Random, size: int = 1) -> int:
    """Somewhere in the file; every other time where its headers stand."""
    most = max(0, len(data) - size)
    return rng.randint(0, min(most, 512) if rng.random() < 0.5 else most)


def _flip(data: bytearray, rng: random.Random) -> None:
    for _ in range(rng.randint(1, 16)):
        if data:
            data[_place(data, rng)] ^= 1 << rng.randrange(8)


def _overwrite(data: bytearray, rng: random.Random) -> None:
    size = rng.randint(1, 64)
    at = _place(data, rng, size)
    data[at : at + size] = rng.choice((bytes(size), b"\xff" * size, rng.randbytes(size)))


def _cut(data: bytearray, rng: random.Random) -> None:
    del data[_place(data, rng) :]


def _insert(data: bytearray, rng: random.Random) -> None:
    at, size = _place(data, rng), rng.randint(1, 256)
    own = _place(data, rng, size)
    data[at:at] = rng.choice((rng.randbytes(size), bytes(data[own : own + size])))


def _swap(data: bytearray, rng: random.Random) -> None:
    size = rng.randint(1, 256)
    one, other = _place(data, rng, size), _place(data, rng, size)
    data[one : one + size], data[other : other + size] = (
        data[other : other + size],
        data[one : one + size],
    )


def _number(data: bytearray, rng: random.Random) -> None:
    size = rng.choice((1, 2, 4, 8))
    at = _place(data, rng, size)
    order = rng.choice(("little", "big"))
    now = int.from_bytes(data[at : at + size], order)
    value = rng.choice((*NUMBERS, now + 1, now - 1, now << 1, now >> 1))
    data[at : at + size] = (value % (1 << 8 * size)).to_bytes(size, order)


FAULTS: tuple[Callable[[bytearray, random.Random], None], ...] = (
    _flip, _overwrite, _cut, _insert, _swap, _number, _number,
)  # fmt: skip
