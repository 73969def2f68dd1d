"""Video files, written by the bundled ffmpeg. Each codec has a yaml file in conf/encoder/."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from pydantic import Field, field_validator
from pydantic.dataclasses import dataclass

from pipeline.encoder.segment import Segment, read_segment
from pipeline.errors import UserError, printable
from pipeline.ffmpeg.container import CONTAINERS, timescale
from pipeline.ffmpeg.encoder_options import OPTION, check_options
from pipeline.ffmpeg.gif import apply_palette, check_frame_rate
from pipeline.ffmpeg.mux import mux
from pipeline.ffmpeg.process import output
from pipeline.ffmpeg.result import StoppedError
from pipeline.frame import Clip, Picture
from pipeline.storage.atomic import disk_errors

Word = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]+$")]
# accurate_rnd and bitexact: white stays white, and the bytes are the same on every CPU.
SCALING = "flags=bicubic+accurate_rnd+full_chroma_int+bitexact"
# Messages of ffmpeg and the encoders about an option that is unknown or has no effect.
IGNORED = re.compile("has not been used|Error parsing option|Unknown option", re.IGNORECASE)


@dataclass(frozen=True)
class FFmpeg:
    """An Encoder of video files. Its segments have one video track and are joined by copying it."""

    suffixes: Annotated[tuple[str, ...], Field(min_length=1)]
    """Suffixes of outputs, see `container.CONTAINERS`."""
    codec: Word
    """Video encoder, by ffmpeg's name."""
    pixel_format: Word
    """Pixel format, by ffmpeg's name."""
    tag: Annotated[str, Field(pattern=r"^[A-Za-z0-9]{4}$")] | None
    """Four-letter code of the codec in .mp4 and .mov. None: ffmpeg's choice."""
    segment_format: Literal["mp4", "mov"]
    """Container of the segments, which must have exact times."""
    options: Mapping[Word, bool | int | float | str]
    """Options of the codec."""

    @field_validator("suffixes")
    @classmethod
    def _known(cls, suffixes: tuple[str, ...]) -> tuple[str, ...]:
        for suffix in suffixes:
            if suffix not in CONTAINERS:
                raise ValueError(f"must be one of {', '.join(CONTAINERS)}, got {suffix!r}")
        return suffixes

    def check(self, clip: Clip, folder: Path, suffix: str) -> None:
        """Try all steps on two black pictures in `folder`. Raises UserError."""
        suffix = suffix.lower()
        if suffix not in self.suffixes:
            raise UserError(
                f"output: must end in {' or '.join(self.suffixes)}, got {printable(suffix)!r}; "
                "rename the output or choose another encoder (dreamreel list encoders)"
            )
        if self.pixel_format.startswith("yuv4") and (clip.height % 2 or clip.width % 2):
            raise UserError(
                f"output: must have even sides in a {suffix} file, got {clip.width}x{clip.height}; "
                f"set width={clip.width & ~1} height={clip.height & ~1}, or output=NAME.png"
            )
        if CONTAINERS[suffix].palette:
            check_frame_rate(clip)
        check_options(self.options, _options(self.codec), self.codec)
        tracks = clip.tracks
        if tracks is not None:
            second = 1.0 if tracks.seconds is None else min(1.0, tracks.seconds)
            tracks = replace(tracks, seconds=second)
        trial = replace(clip, count=2, tracks=tracks)
        with (
            disk_errors(folder),
            tempfile.TemporaryDirectory(prefix="check-", dir=folder) as name,
        ):
            segment = Path(name, "0")
            self._check_encoding(segment, trial)
            self.join([segment], Path(name, f"check{suffix}"), trial, {"comment": "check"})

    def open(self, path: Path, clip: Clip) -> Segment:
        """Return a writer for one segment at `path`.

        Raises UserError if its folder cannot be used.
        """
        return Segment(path, clip, self._arguments(clip))

    def pictures(self, segment: Path, clip: Clip) -> Iterator[Picture]:
        """Yield the pictures of a segment, (H, W, 3) uint8 RGB. Raises UserError."""
        return read_segment(segment, clip, ["-vf", f"scale={SCALING}"])

    def join(
        self, segments: Sequence[Path], path: Path, clip: Clip, metadata: Mapping[str, str]
    ) -> None:
        """Join the segments and the clip's tracks to a complete file at `path`. Raises UserError.

        A .gif has no tracks and no metadata.
        """
        container = CONTAINERS[path.suffix.lower()]
        with disk_errors(path):
            if container.palette:
                apply_palette(segments, path, clip, container)
            else:
                mux(segments, path, clip, container=container, tag=self.tag, metadata=metadata)

    def _arguments(self, clip: Clip) -> list[str]:
        """Return ffmpeg's options between input and output: colours, codec and container."""
        if self.pixel_format.startswith(("rgb", "bgr", "gbr", "0rgb", "0bgr")):
            # No range: ffv1 rejects full range, which RGB has anyway.
            scale, colours = f"scale={SCALING}", "colorspace=gbr"
        else:
            scale = f"scale=out_color_matrix=bt709:out_range=tv:{SCALING}"
            colours = "range=tv:colorspace=bt709"
        # ffmpeg drops colour tags given as output options, but writes those of the last filter.
        tags = f"setparams={colours}:color_primaries=bt709:color_trc={clip.transfer}"
        arguments = ["-vf", f"{scale},format={self.pixel_format},{tags}"]
        # "+": fail if the codec lacks this pixel format; otherwise ffmpeg would choose another.
        arguments += ["-c:v", self.codec, "-pix_fmt", f"+{self.pixel_format}"]
        for key, value in self.options.items():
            text = str(int(value)) if isinstance(value, bool) else str(value)
            arguments += [f"-{key}:v", text]
        if self.tag is not None:
            arguments += ["-tag:v", self.tag]
        arguments += ["-video_track_timescale", str(timescale(clip.rate)), "-bitexact"]
        return [*arguments, "-f", self.segment_format]

    def _check_encoding(self, path: Path, clip: Clip) -> None:
        """Encode two black pictures to path. Raises UserError on errors and on ignored options."""
        black = np.zeros((clip.height, clip.width, 3), np.uint8)
        try:
            with Segment(path, clip, [*self._arguments(clip), "-v", "warning"]) as segment:
                for _ in range(2):
                    segment.write(black)
        except StoppedError as error:
            raise self._blamed(error.lines) from error
        ignored = [line for line in segment.complaints if IGNORED.search(line)]
        if ignored:
            raise self._blamed(ignored)

    def _blamed(self, lines: Sequence[str]) -> UserError:
        """Return the error that names the option that ffmpeg's message is about, and quotes it."""
        for line in lines:
            for key, value in self.options.items():
                # x264-params and similar options contain further ones: "threads=4:open-gop=0".
                names = [key, *re.findall(r"([\w-]+)=", str(value))]
                if any(re.search(rf"\b{re.escape(name)}\b", line) for name in names):
                    return UserError(
                        f"encoder.options.{key}: must be supported by {self.codec}, got {value!r} "
                        f"({printable(line)}); set another value"
                    )
        said = printable(lines[0]) if lines else "no message"
        if "nvenc" in self.codec:
            return UserError(
                f"encoder: must find an NVIDIA GPU that supports {self.codec} with "
                f"{self.pixel_format}, got: {said}; set encoder=h264"
            )
        return UserError(
            f"encoder: must be able to encode {self.pixel_format} with {self.codec}, got: {said}; "
            "change encoder.options or encoder.pixel_format"
        )


@cache
def _options(codec: str) -> Mapping[str, str]:
    """Return the options of a video encoder -> their types, including those of all encoders.

    Raises UserError if the bundled ffmpeg has no such encoder.
    """
    own = _help(f"encoder={codec}")
    if not own.startswith("Encoder "):
        raise UserError(
            f"encoder.codec: must be a video encoder of ffmpeg, got {codec!r} "
            f"({printable(own.splitlines()[0])}); set encoder.codec=libx264, for example"
        )
    shared = re.search(r"^AVCodecContext AVOptions:\n((?: .*\n)+)", _help("full"), re.MULTILINE)
    text = own + (shared[1] if shared else "")
    return dict(reversed(OPTION.findall(text)))  # its own types override the shared ones


def _help(topic: str) -> str:
    """Return ffmpeg's help on a topic, at least one line."""
    return output(["-h", topic]) or "no message"
