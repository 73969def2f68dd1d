"""Clocks: odd rates, none at all, pauses, offsets, frames that are hidden or cannot be decoded."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

from helpers.clips import FFV1, MPEG2, X264, counted, run

from awkward.case import Case, Right, counting

OPEN = ("-bf", "3", "-g", "10", "-x264-params", "open-gop=1:scenecut=0")
SHUT = ("-bf", "3", "-g", "10", "-x264-params", "open-gop=0:scenecut=0")
COPY = ("-map", "0:v", "-c", "copy")


def again(path: Path, *options: str, before: tuple[str, ...] = (), via: str = "mkv") -> None:
    """The file with numbers 0 to 19 after a copy with these options."""
    whole = counted(path.with_suffix(f".whole.{via}"), *X264, *SHUT)
    run(*before, "-i", f"file:{whole}", *COPY, *options, f"file:{path}")


def copied(*options: str, **more: object) -> Callable[[Path], object]:
    """As `again`, to be called with the path."""
    return lambda path: again(path, *options, **more)  # type: ignore[arg-type]


RATES = {
    "23.976": ("in.mp4", X264, Fraction(24000, 1001)),
    "29.97": ("in.mkv", X264, Fraction(30000, 1001)),
    "59.94": ("in.ts", X264, Fraction(60000, 1001)),
    "12.5": ("in.avi", ("-c:v", "mpeg4", "-q:v", "2"), Fraction(25, 2)),
    "240": ("in.mkv", X264, Fraction(240)),
    "1": ("in.mp4", X264, Fraction(1)),
    "a quarter": ("in.mkv", X264, Fraction(1, 4)),
}
CONTAINERS = {
    "an mpeg program stream": ("in.mpg", MPEG2),
    "a raw stream without times": ("in.h264", X264),
    "flash video": ("in.flv", X264),
    "vp9 with hidden frames": ("in.webm", ("-c:v", "libvpx-vp9", "-crf", "10", "-b:v", "0",
                                           "-auto-alt-ref", "1", "-lag-in-frames", "16")),
    "theora in ogg": ("in.ogv", ("-c:v", "libtheora", "-q:v", "9")),
    "wmv": ("in.wmv", ("-c:v", "wmv2", "-q:v", "2")),
    "mxf": ("in.mxf", (*MPEG2, "-bf", "2")),
    "nut": ("in.nut", X264),
    "y4m": ("in.y4m", ("-pix_fmt", "yuv420p")),
    "av1 in ivf": ("in.ivf", ("-c:v", "libaom-av1", "-cpu-used", "8", "-crf", "20")),
    "raw motion jpeg": ("in.mjpeg", ("-c:v", "mjpeg", "-q:v", "2", "-pix_fmt", "yuvj420p")),
    "apng": ("in.apng", ("-c:v", "apng")),
    "a gif": ("in.gif", ("-c:v", "gif")),
    "b-frames in avi": ("in.avi", ("-c:v", "mpeg4", "-bf", "2", "-q:v", "2")),
}  # fmt: skip

RARE = ("theora in ogg", "wmv", "nut", "av1 in ivf", "raw motion jpeg", "flash video")
"""Containers that need not be tried at every run of the tests."""

CASES = [
    *(
        Case(
            f"{name} frames a second in {file}",
            counting(*codec, rate=str(rate), frames=6 if rate < 10 else 20),
            Right(range(6 if rate < 10 else 20), rate=rate),
            file,
        )
        for name, (file, codec, rate) in RATES.items()
    ),
    *(
        Case(name, counting(*codec), Right(), file, slow=name in RARE)
        for name, (file, codec) in CONTAINERS.items()
    ),
    Case(
        "a rate that halves on the way",
        counting(*X264, "-vf", "setpts='if(lt(N,10),N,10+2*(N-10))/25/TB'", "-fps_mode", "vfr"),
        Right([*range(10), *(10 + i // 2 for i in range(19))]),
    ),
    Case(
        "a pause of two seconds",
        counting(*X264, "-vf", "setpts='if(lt(N,10),N,N+50)/25/TB'", "-fps_mode", "vfr"),
        Right([*range(10), *[9] * 50, *range(10, 20)]),
    ),
    Case(
        "times that wobble by a third of a frame",
        counting(*X264, "-vf", "setpts='(N/25+0.013*sin(7*N))/TB'", "-fps_mode", "vfr"),
        Right(),
    ),
    Case("a clock that starts at 5 s", counting(*X264, "-output_ts_offset", "5"), Right()),
    Case(
        "a clock that starts below zero",
        counting(*FFV1, "-output_ts_offset", "-0.2", "-avoid_negative_ts", "disabled"),
        Right(),
    ),
    Case(
        "an edit list that hides the first half",
        copied(before=("-ss", "0.4"), via="mp4"),
        Right(range(10, 20)),
        "in.mp4",
    ),
    Case("b-frames in open groups", counting(*X264, *OPEN, frames=40), Right(range(40)), "in.ts"),
    Case(
        # the nine pictures up to the next key frame cannot be decoded, and are dropped
        "a first key frame that is missing",
        copied("-bsf:v", "noise=drop='lt(n,1)'", "-copyinkf", via="ts"),
        Right(range(10, 20), says="damaged"),
        "in.ts",
    ),
    Case(
        # Of two pictures at one time a screen shows the later, and the next when its time comes.
        "two pictures at the same time",
        lambda path: run(
            *("-i", f"file:{counted(path.with_suffix('.whole.mkv'), *FFV1)}", *COPY, "-bsf:v"),
            *("setts=ts='if(eq(N,6),TS-40,TS)'", f"file:{path}"),
        ),
        Right([*range(5), 6, 6, *range(7, 20)]),
    ),
    Case(
        # Its 33 bits are full after 95443.72 s, that is in the middle of these.
        "a clock that runs over in the middle",
        counting(*X264, "-output_ts_offset", "95443.3"),
        Right(),
        "in.ts",
    ),
    Case("a single picture", counting(*X264, frames=1), Right([0]), "in.mp4"),
    Case("a gif of one picture", counting("-r", "10", frames=1), Right([0], rate=10), "in.gif"),
    Case(
        "a gif with pauses",
        counting(
            *("-c:v", "gif", "-vf", "setpts=N+4*gte(N\\,3)", "-fps_mode", "vfr"),
            frames=6,
            rate="10",
        ),
        Right([0, 1, 2, 2, 2, 2, 2, 3, 4, 5], rate=10),
        "in.gif",
    ),
    Case(
        "webp that moves, called a video",
        counting("-c:v", "libwebp_anim", "-lossless", "1"),
        Right(),
        "in.webp",
        more=("source=video",),
    ),
    Case(
        "fields",
        counting(*MPEG2, "-vf", "tinterlace=interleave_top,setfield=tff", "-flags", "+ildct",
                 frames=40, rate="50"),
        Right(None, frames=(20, 20)),
        "in.mpg",
    ),
]  # fmt: skip
