"""Tiny clips with beeps, subtitles and chapters, and ways to hear and see what became of them."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import numpy as np
import numpy.typing as npt
import yaml

from pipeline.encoder.ffmpeg import FFmpeg
from pipeline.ffmpeg.process import QUIET, executable
from pipeline.frame import Clip, Picture

CONF = Path(__file__).parents[2] / "conf" / "encoder"
# nvenc needs a GPU
CODECS = sorted({path.stem for path in CONF.glob("*.yaml")} - {"images", "nvenc"})
HEIGHT, WIDTH = 48, 64
RATE = Fraction(25)
HERTZ = 48_000
SUBTITLES = """1
00:00:00,200 --> 00:00:00,600
before

2
00:00:01,000 --> 00:00:02,000
across

3
00:00:02,500 --> 00:00:03,000
after
"""
TAGS = """;FFMETADATA1
title=A title
artist=Someone
[CHAPTER]
TIMEBASE=1/1000
START=0
END=2000
title=one
[CHAPTER]
TIMEBASE=1/1000
START=2000
END=6000
title=two
"""


def run(*arguments: str | Path, cwd: Path | None = None) -> bytes:
    """What ffmpeg writes on stdout; it must succeed."""
    words = [executable(), *QUIET, *map(str, arguments)]
    done = subprocess.run(words, capture_output=True, cwd=cwd, check=False)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


def settings(name: str, **changes: object) -> dict[str, object]:
    """The keys of a yaml, with changes."""
    read: dict[str, object] = yaml.safe_load((CONF / f"{name}.yaml").read_text())
    read.pop("_target_")
    return {**read, **changes}


def encoder(name: str, **changes: object) -> FFmpeg:
    """The encoder of a yaml, with changes."""
    return FFmpeg(**settings(name, **changes))  # type: ignore[arg-type]


def clip(rate: Fraction = RATE, **rest: object) -> Clip:
    return Clip(HEIGHT, WIDTH, rate, **rest)  # type: ignore[arg-type]


def black(count: int, flash: int | None = None) -> list[Picture]:
    """Black pictures, the one numbered flash white."""
    pictures = [np.zeros((HEIGHT, WIDTH, 3), np.uint8) for _ in range(count)]
    if flash is not None:
        pictures[flash][:] = 255
    return pictures


def written(
    maker: FFmpeg, folder: Path, shape: Clip, pictures: Sequence[Picture], lengths: Sequence[int]
) -> list[Path]:
    """Segments of these lengths, in pictures."""
    rest, paths = list(pictures), []
    for index, length in enumerate(lengths):
        paths.append(folder / f"{index:04d}.seg")
        with maker.open(paths[-1], shape) as writer:
            for picture in rest[:length]:
                writer.write(picture)
        rest = rest[length:]
    assert not rest
    return paths


def beeping(
    path: Path,
    *codec: str,
    layout: str = "stereo",
    tracks: int = 1,
    words: str | None = None,
    seconds: float = 6,
) -> Path:
    """A clip of 6 s that beeps for 40 ms at 1 s, 3 s and 5 s, with tags and chapters.

    codec: options of the sound. words: codec of the subtitles. seconds: of sound.
    """
    beep = "sin(2*PI*1000*t)*lt(mod(t-1,2),0.04)*gte(t,1)"
    sound = f"aevalsrc='{beep}':s={HERTZ}:d={seconds},aformat=channel_layouts=stereo,"
    # The same in every loudspeaker, however many there are.
    sound += f"pan={layout}|" + "|".join(f"c{n}=c0" for n in range(SPEAKERS[layout]))
    tags = path.parent / "tags.txt"
    tags.write_text(TAGS)
    lines = path.parent / "lines.srt"
    lines.write_text(SUBTITLES)
    inputs = ["-f", "lavfi", "-i", f"color=black:s={WIDTH}x{HEIGHT}:r=25:d=6"]
    inputs += ["-f", "lavfi", "-i", sound, "-i", tags, "-i", lines]
    maps = ["-map", "0:v", *["-map", "1:a"] * tracks]
    if words is not None:
        maps += ["-map", "3:s", "-c:s", words, "-metadata:s:s:0", "language=eng"]
    # Languages that .mov can name: it has numbers for some codes, "ger" but not "deu".
    for index, language in zip(range(tracks), ("fra", "jpn"), strict=False):
        maps += [f"-metadata:s:a:{index}", f"language={language}"]
    maps += ["-map_metadata", "2", "-map_chapters", "2"]
    run(*inputs, *maps, "-c:v", "libx264", "-preset", "ultrafast", *codec, "-y", f"file:{path}")
    return path


SPEAKERS = {"mono": 1, "stereo": 2, "5.1": 6, "5.1(side)": 6}


def beeps(path: Path, track: int = 0) -> list[float]:
    """When the beeps begin, in seconds of the file's clock."""
    hear = ("-copyts", "-i", f"file:{path}", "-map", f"0:a:{track}", "-ac", "1", "-ar", str(HERTZ))
    heard = run(*hear, "-af", "aresample=async=1:first_pts=0", "-f", "f32le", "-")
    loud = np.flatnonzero(np.abs(np.frombuffer(heard, np.float32)) > 0.1)
    first = np.diff(loud, prepend=-HERTZ) > HERTZ // 10
    return [float(sample) / HERTZ for sample in loud[first]]


def length(path: Path, track: int = 0) -> float:
    """Seconds of sound."""
    hear = ("-i", f"file:{path}", "-map", f"0:a:{track}", "-ac", "1", "-ar", str(HERTZ))
    return len(run(*hear, "-f", "s16le", "-")) / 2 / HERTZ


def seen(path: Path, height: int = HEIGHT, width: int = WIDTH) -> npt.NDArray[np.uint8]:
    """The pictures, (N, H, W, 3) uint8 RGB, each once, converted by their tags."""
    exact = "flags=bicubic+accurate_rnd+full_chroma_int+full_chroma_inp+bitexact"
    look = ("-i", f"file:{path}", "-map", "0:V:0", "-vf", f"scale={exact},format=rgb24")
    raw = run(*look, "-fps_mode", "passthrough", "-f", "rawvideo", "-")
    return np.frombuffer(raw, np.uint8).reshape(-1, height, width, 3)


def packets(path: Path, stream: str) -> list[tuple[Fraction, Fraction, str]]:
    """(start, duration, checksum) of each packet of a stream, in seconds, ordered by start."""
    listing = run(
        *("-copyts", "-i", f"file:{path}", "-map", f"0:{stream}"),
        *("-c", "copy", "-copyts", "-f", "framecrc", "-"),
    ).decode()
    tick, found = Fraction(1), []
    for line in listing.splitlines():
        if line.startswith("#tb"):
            tick = Fraction(line.split(":")[1].strip())
        elif not line.startswith("#"):
            fields = [field.strip() for field in line.split(",")]
            found.append((int(fields[2]) * tick, int(fields[3]) * tick, fields[5]))
    return sorted(found)


def described(path: Path) -> str:
    """What ffmpeg says of the file."""
    words = [executable(), "-hide_banner", "-i", f"file:{path}"]
    return subprocess.run(words, capture_output=True, check=False).stderr.decode()


def tagged(path: Path) -> str:
    """The file's tags and chapters in ffmpeg's own text form."""
    return run("-i", f"file:{path}", "-f", "ffmetadata", "-").decode()
