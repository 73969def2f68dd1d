"""Files that are made to harm: by what they open, how large they get, or how long they take."""

from __future__ import annotations

import os
import socket
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

from helpers.clips import FFV1, X264, counted, run

from awkward.case import Case, Refused, Right, counting


def trap(text: str, *options: str) -> Callable[[Path], object]:
    """Makes a list in disguise that names a good video beside it.

    options: with which ffmpeg falls into it, or nobody would know that it is one.
    """

    def make(path: Path) -> None:
        counted(path.with_name("beside.ts"), *X264)
        path.write_text(text)
        if options:
            run(*options, "-i", f"file:{path}", "-f", "null", "-")

    return make


def loop(path: Path) -> None:
    path.symlink_to(path.name)


def linked(path: Path) -> None:
    path.symlink_to(counted(path.with_name("elsewhere.mkv"), *FFV1))


def listening(path: Path) -> None:
    """A socket; its path may be too long for one, but not seen from its folder."""
    folder = os.open(path.parent, os.O_RDONLY)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(f"/proc/self/fd/{folder}/{path.name}")
    os.close(folder)


def chunk(kind: bytes, data: bytes) -> bytes:
    body = kind + data
    return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))


def bomb(path: Path) -> None:
    """A PNG of 30000x30000 black and white pixels in 110 kB; as RGB it is 2.7 GB."""
    side = 30_000
    head = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    deflate = zlib.compressobj()
    row = bytes(1 + side // 8)
    rows = b"".join(deflate.compress(row * 1000) for _ in range(side // 1000)) + deflate.flush()
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows)
                     + chunk(b"IEND", b""))  # fmt: skip


def vast_gif(path: Path) -> None:
    """A GIF whose screen is 65535 pixels wide and high."""
    data = bytearray(counted(path, "-c:v", "gif", frames=2).read_bytes())
    data[6:10] = struct.pack("<HH", 65535, 65535)
    path.write_bytes(data)


def raw(head: str) -> Callable[[Path], object]:
    """Makes raw video that begins so, and ends after a few bytes."""
    return lambda path: path.write_bytes(f"YUV4MPEG2 {head} C420\nFRAME\n".encode() + bytes(9999))


def paused(seconds: float, *, frames: int, rate: str = "25") -> Callable[[Path], object]:
    """Makes a file with such a pause after every fourth picture."""
    times = f"setpts='N/{rate}/TB+floor(N/4)*{seconds}/TB'"
    return counting(*FFV1, "-vf", times, "-fps_mode", "vfr", frames=frames, rate=rate)


PLAYLIST = "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nbeside.ts\n#EXT-X-ENDLIST\n"
CONCAT = "ffconcat version 1.0\nfile beside.ts\n"
SESSION = (
    "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\n"
    "m=video 5004 RTP/AVP 96\na=rtpmap:96 H264/90000\n"
)
MANIFEST = (
    '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static" '
    'mediaPresentationDuration="PT1S"><Period><AdaptationSet mimeType="video/mp4">'
    '<Representation id="0" bandwidth="1"><BaseURL>beside.ts</BaseURL></Representation>'
    "</AdaptationSet></Period></MPD>"
)
CANNOT = Refused("another format|can decode")

CASES = [
    # by its name ffmpeg would follow it; as .mp4 only older versions would
    Case("a playlist", trap(PLAYLIST, "-v", "error"), CANNOT, "in.m3u8"),
    Case("a playlist in disguise", trap(PLAYLIST), CANNOT, "in.mp4"),
    Case("a script that joins files", trap(CONCAT, "-v", "error"), CANNOT, "in.mp4"),
    Case("a session on the network", trap(SESSION), CANNOT, "in.mp4"),
    Case("a manifest", trap(MANIFEST), CANNOT, "in.mp4"),
    Case("a script that calls itself a picture", trap(CONCAT, "-f", "concat"), Refused("a picture"),
         "in.png"),
    Case("a link to itself", loop, Refused("Too many levels"), "in.mp4"),
    Case("a link to a video", linked, Right(), "in.mp4"),
    Case("a pipe without a writer", os.mkfifo, Refused("pipe or device"), "in.mp4"),
    Case("a socket", listening, Refused("must be a"), "in.mp4"),
    Case("a folder without pictures", Path.mkdir, Refused("at least one picture"), "in.mp4"),
    Case("zeros without end", Path.touch, Refused("pipe or device"), given="/dev/zero"),
    Case("a device that gives nothing", Path.touch, Refused("pipe or device"), given="/dev/null"),
    Case("a picture of 900 million pixels", bomb, Refused(r"(limits\.|max_)pixels"), "in.png"),
    Case("a gif of 4000 million pixels", vast_gif, Refused(r"(limits\.|max_)pixels|can decode"),
         "in.gif"),
    Case("a header of 30000x30000", raw("W30000 H30000 F25:1"), Refused(r"(limits\.|max_)pixels"),
         "in.y4m"),
    Case("a header of more pixels than there are numbers", raw("W2000000000 H2000000000 F25:1"),
         Refused(r"(limits\.|max_)pixels"), "in.y4m"),
    Case("a gap of 20 hours", paused(72_000, frames=8), Refused(r"(limits\.|max_)gap_seconds")),
    # beyond 30 hours ffmpeg takes a jump for a fault of the clock, and mends it
    Case("a gap of three days", paused(259_200, frames=8), Right(range(8))),
    Case("a million frames a second", counting("-pix_fmt", "yuv420p", rate="1000000"),
         Refused(r"(limits\.|max_)rate"), "in.y4m"),
    # 110 pauses at 240 frames a second
    Case("a few kB that ask for 7 million frames", paused(290, frames=440, rate="240"),
         Refused(r"(limits\.|max_)frames")),
    Case("a few kB that ask for 864,000 frames, of which five are wanted",
         paused(290, frames=480), Right([*range(4), 3]), more=("frames=5",)),
    Case("a size for a picture of 20 Gpx", counting(*X264, frames=5),
         Refused(r"^width, height: .*(limits\.|max_)pixels"), more=("width=200000",)),
]  # fmt: skip
