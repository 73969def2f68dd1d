"""Broken files: cut short, overwritten, with headers that lie, or no video at all."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from helpers.clips import FFV1, MPEG2, X264, counted

from awkward.case import Case, Refused, Right

SHORT = ("-g", "5", "-bf", "0")
"""Groups of five: after damage the next whole picture is near."""
Change = Callable[[bytearray], bytes]


def broken(change: Change, *codec: str, frames: int = 60) -> Callable[[Path], object]:
    """Makes a numbered file, then changes its bytes."""

    def make(path: Path) -> None:
        data = bytearray(counted(path, *codec, frames=frames).read_bytes())
        path.write_bytes(change(data))

    return make


def cut(share: float) -> Change:
    return lambda data: bytes(data[: round(len(data) * share)])


def flipped(first: float, last: float, step: int) -> Change:
    """Every so many bytes one inverted, between these shares of the file."""

    def change(data: bytearray) -> bytes:
        for place in range(round(first * len(data)), round(last * len(data)), step):
            data[place] ^= 0xFF
        return bytes(data)

    return change


def zeroed(data: bytearray) -> bytes:
    """Zeros from 60 to 70 hundredths."""
    first, last = len(data) * 60 // 100, len(data) * 70 // 100
    data[first:last] = bytes(last - first)
    return bytes(data)


def without_head(data: bytearray) -> bytes:
    """Without the first tenth, in which the format is said."""
    return bytes(data[len(data) // 10 :])


def number(tag: bytes, offset: int, value: int, size: int = 4) -> Change:
    """Another number, big end first, so many bytes behind the tag."""

    def change(data: bytearray) -> bytes:
        at = data.index(tag) + len(tag) + offset
        data[at : at + size] = value.to_bytes(size)
        return bytes(data)

    return change


def every(*changes: Change) -> Change:
    def change(data: bytearray) -> bytes:
        for one in changes:
            data = bytearray(one(data))
        return bytes(data)

    return change


def written(data: bytes) -> Callable[[Path], object]:
    return lambda path: path.write_bytes(data)


FAST = (*X264, *SHORT, "-movflags", "+faststart")
BARE = ("-bsf:v", "filter_units=remove_types=6")
"""Without the paragraphs that x264 says of itself before the first picture."""
DAY = 0x7FFFFFFF
LONG = every(number(b"mvhd", 16, DAY), number(b"tkhd", 20, DAY), number(b"mdhd", 16, DAY))
"""Film, track and medium all say that they last for weeks."""


def hurt(frames: tuple[int, int], begins: int, says: str = "is damaged") -> Right:
    """So many frames, the first of them whole, and a word of warning."""
    return Right(None, frames=frames, begins=begins, says=says)


CASES = [
    Case("mp4 cut short", broken(cut(0.67), *FAST), hurt((15, 59), 15), "in.mp4"),
    # a ts says nowhere how long it is
    Case("ts cut short", broken(cut(0.67), *X264, *SHORT), hurt((20, 59), 20, ""), "in.ts"),
    Case("mkv cut short", broken(cut(0.67), *FFV1, "-g", "1"), hurt((20, 59), 20)),
    Case("avi cut short", broken(cut(0.67), *MPEG2, *SHORT), hurt((20, 59), 20), "in.avi"),
    Case("a gif cut short", broken(cut(0.67), "-c:v", "gif"), hurt((20, 59), 20), "in.gif"),
    Case("an index that never was written", broken(cut(0.67), *X264),
         Refused("moov atom not found"), "in.mp4"),
    Case("flipped bits in ts", broken(flipped(0.33, 0.5, 97), *X264, *SHORT), hurt((35, 61), 15),
         "in.ts"),
    Case("flipped bits in mp4", broken(flipped(0.85, 0.95, 29), *FAST), hurt((35, 60), 15),
         "in.mp4"),
    Case("flipped bits in ffv1", broken(flipped(0.33, 0.5, 97), *FFV1, "-g", "1"),
         hurt((35, 60), 15)),
    # which a pause would look like, or two files joined
    Case("zeros in ts", broken(zeroed, *X264, *SHORT), hurt((60, 60), 30, ""), "in.ts"),
    Case("zeros in mp4", broken(zeroed, *FAST), hurt((45, 60), 12), "in.mp4"),
    Case("ts without its beginning", broken(without_head, *X264, *SHORT),
         Right(None, frames=(45, 59), says="is damaged"), "in.ts"),
    Case("mkv without its beginning", broken(without_head, *FFV1), Refused("can decode")),
    Case("rubbish before ts", broken(lambda data: bytes(1000) + bytes(data), *X264),
         Right(range(60)), "in.ts"),
    Case("rubbish behind mp4", broken(lambda data: bytes(data) + b"rubbish" * 500, *FAST),
         Right(range(60)), "in.mp4"),
    Case("a first picture of noise", broken(number(b"mdat", 8, (1 << 256) - 1, 32), *FAST, *BARE),
         Right(None, frames=(50, 60), says="is damaged"), "in.mp4"),
    Case("headers of weeks", broken(LONG, *FAST), Right(range(60)), "in.mp4"),
    Case("a header of no time", broken(number(b"mvhd", 16, 0), *FAST), Right(range(60)), "in.mp4"),
    # avi counts with the little end first, which is the same here
    Case("a header of four thousand million frames",
         broken(every(number(b"avih", 20, 0xFFFFFFFF), number(b"vids", 32, 0xFFFFFFFF)),
                "-c:v", "mjpeg", "-q:v", "2"), Right(range(60)), "in.avi"),
    Case("a table of four thousand million sizes", broken(number(b"stsz", 8, 0xFFFFFFFF), *FAST),
         Refused("can decode"), "in.mp4"),
    Case("an empty file", written(b""), Refused("0 bytes"), "in.mp4"),
    Case("one byte", written(b"\0"), Refused("can decode"), "in.mp4"),
    Case("text", written(b"no video\n" * 100), Refused("can decode"), "in.mp4"),
    Case("zeros", written(bytes(100_000)), Refused("can decode"), "in.mp4"),
    Case("a picture of text", written(b"no picture"), Refused("must be a picture"), "in.png"),
    Case("a web page", written(b"<!DOCTYPE html><title>404</title>"), Refused("can decode"),
         "in.mp4"),
]  # fmt: skip
