"""Shapes: odd and extreme sizes, pictures on their side, pixels that are not square."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from helpers.clips import FFV1, X264, barcode, run, write

from awkward.case import Case, Refused, Right, counting


def plain(path: Path, width: int, height: int) -> None:
    """Three grey pictures of that size."""
    write(path, [np.full((height, width, 3), 128, np.uint8)] * 3, *FFV1)


def lying(path: Path, *display: str, quarters: int = 0, mirrored: bool = False) -> None:
    """A phone's video: stored turned and mirrored, with a note how to show it."""
    pictures = [np.rot90(barcode(index), quarters, axes=(1, 0)) for index in range(20)]
    if mirrored:
        pictures = [picture[:, ::-1] for picture in pictures]
    stored = write(path.with_suffix(".stored.mp4"), [p.copy() for p in pictures], *X264)
    run(*display, "-i", f"file:{stored}", "-c", "copy", f"file:{path}")


def growing(path: Path) -> None:
    """Ten numbered pictures, then ten of twice the size."""
    parts = []
    for first, scale in ((0, 1), (10, 2)):
        part = path.with_suffix(f".{first}.ts")
        pictures = [barcode(n).repeat(scale, 0).repeat(scale, 1) for n in range(first, first + 10)]
        parts.append(write(part, pictures, *X264, "-output_ts_offset", str(first / 25)))
    path.write_bytes(b"".join(part.read_bytes() for part in parts))


def turned(angle: int) -> Case:
    return Case(
        f"a phone held at {angle} degrees",
        lambda path: lying(path, "-display_rotation", str(angle), quarters=angle // 90),
        Right(),
        "in.mp4",
    )


def aspect(ratio: str, width: int, height: int = 48) -> Case:
    return Case(
        f"pixels of {ratio}",
        counting(*X264, "-vf", f"setsar={ratio}"),
        Right(size=(width, height)),
        "in.mp4",
    )


def size(width: int, height: int, result: tuple[int, int]) -> Case:
    """Any size: three grey pictures, which say no number but 255."""
    return Case(
        f"{width}x{height} pixels",
        lambda path: plain(path, width, height),
        Right([255] * 3, size=result, colours=[(128, 128, 128)], off=0),
    )


CASES = [
    *(turned(angle) for angle in (90, 180, 270)),
    Case(
        "a mirrored picture",
        lambda path: lying(path, "-display_hflip", mirrored=True),
        Right(),
        "in.mp4",
    ),
    aspect("2/1", 256),
    aspect("1/2", 128, 96),
    aspect("12/11", 140),
    # no lens does this: taken for square
    aspect("1000/1", 128),
    size(127, 47, (126, 46)),
    size(17, 17, (16, 16)),
    size(16, 16, (16, 16)),
    size(4096, 16, (4096, 16)),
    size(16, 2048, (16, 2048)),
    Case(
        "fewer pixels than the codec's blocks",
        lambda path: write(path, [barcode(n)[:34, :122] for n in range(20)], *X264),
        Right(size=(122, 34)),
        "in.mp4",
    ),
    Case("a size that changes on the way", growing, Right(), "in.ts"),
    Case(
        "a lower resolution asked for",
        counting(*FFV1),
        Right(size=(64, 24)),
        more=("width=64",),
    ),
    Case(
        "14x14 pixels",
        lambda path: plain(path, 14, 14),
        Refused("at least 16x16 pixels, got 14x14"),
    ),
    Case("a line", lambda path: plain(path, 640, 2), Refused("at least 16x16 pixels, got 640x2")),
]
