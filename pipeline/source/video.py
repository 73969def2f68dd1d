"""A video file as a source, decoded by ffmpeg at a constant rate."""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Generator, Iterable, Iterator
from contextlib import closing, contextmanager
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Annotated, ClassVar

import numpy as np
from pydantic import BeforeValidator, Field
from pydantic.dataclasses import dataclass

from pipeline.errors import UserError, printable
from pipeline.ffmpeg.decode_filters import EXACT, Deinterlace, filters, transfer_of
from pipeline.ffmpeg.decoding import (
    TruncatedError,
    check_not_killed,
    decoding,
    memory_limit_error,
    reading,
    wait,
)
from pipeline.ffmpeg.probe import StreamInfo, probe
from pipeline.ffmpeg.process import Process
from pipeline.frame import Clip, Picture, Tracks
from pipeline.limits import Limits
from pipeline.source.extent import End, Start, check_order, extent, frames_between
from pipeline.source.fitting import Fitting, Placement
from pipeline.storage.input_file import open_input, require_path

log = logging.getLogger(__name__)

Side = Annotated[int, Field(ge=1)]

SAMPLES = 120
"""Maximum number of pictures in which bars are searched for."""
ONE_PER_SECOND = r"select=isnan(prev_selected_t)+gte(t-prev_selected_t\,1)"
"""Filter that drops pictures less than a second after the last one."""
TRIES = 3
"""Number of attempts to decode before a decoder that is killed each time raises an error."""
ERROR = re.compile(r"^(?:\[[^\]]* @ 0x[0-9a-f]+\] )*\[(?:error|fatal|panic)\] ")
"""Beginning of a line in which ffmpeg reports an error rather than a warning."""
RESIZED = re.compile(r"filter context - w: (\d+) h: (\d+) .* incoming frame - w: (\d+) h: (\d+) ")
DECODE_ERROR = 69
"""Exit code of ffmpeg if something could not be decoded (with max_error_rate 0)."""


@dataclass(frozen=True)
class Video:
    """A video file as a source: upright, square pixels, even sides, constant rate, 8-bit RGB.

    Raises UserError if the path is missing, `end` is not later than `start`, or `frames` exceeds
    the limits.
    """

    path: Annotated[Path, BeforeValidator(require_path)]
    """Path of the file."""
    start: Start | None
    """Start in seconds since the first picture. None: 0."""
    end: End | None
    """End in seconds since the first picture. None: the end of the file."""
    frames: Annotated[int, Field(ge=1)] | None
    """Maximum number of frames. None: no limit."""
    height: Side | None
    """Height of the result in pixels. None: from `width` and the aspect ratio, or as the input."""
    width: Side | None
    """Width of the result in pixels. None: from `height` and the aspect ratio, or as the input."""
    fitting: Fitting
    """How a picture of another shape than the result is fitted into it."""
    deinterlace: Deinterlace
    """Which pictures to deinterlace."""
    limits: Limits
    """Upper limits of the input."""

    _unit: ClassVar[int] = 2
    """Height and width are multiples of this: common video formats halve the chroma resolution."""

    def __post_init__(self) -> None:
        check_order(self.start, self.end)
        self.limits.check_frames("frames", self.frames)

    @cached_property
    def clip(self) -> Clip:
        """Size, rate, length and tracks of the result. Reads the file once and decodes one picture.

        Raises UserError if the file cannot be decoded or exceeds the limits.
        """
        facts, (first, last) = self._facts, self._extent
        cadence = facts.cadence
        self._check(facts, frames_between(cadence.total, first, last))
        height, width = self.placement.size
        rest = None if last is None else float((last - first) / cadence.rate)
        offset = float(facts.origin + first / cadence.rate)
        return Clip(
            height=height,
            width=width,
            rate=cadence.rate,
            count=frames_between(cadence.total, first, last),
            tracks=Tracks(self.path, offset, rest, facts.audio, facts.subtitles),
            transfer=transfer_of(facts.look),
            sphere=facts.look.sphere,
        )

    def pictures(self, start: int = 0) -> Iterator[Picture]:
        """Yield the pictures from frame `start` on: (H, W, 3) uint8 RGB.

        Always decodes from the beginning of the file, so that a resumed render gets the same bits:
        seeking in ffmpeg yields different frames, or none, on some files. A decoder that is killed
        is restarted. Raises UserError if no picture can be decoded, if ffmpeg stalls or exceeds the
        memory limit, or if it is killed TRIES times; other damage is logged.
        """
        first, last = self._extent
        attempts_left = TRIES
        while last is None or first + start < last:
            try:
                with closing(self._decoded(start, self._filters(first + start, last))) as rest:
                    for picture in rest:
                        start += 1
                        yield picture
                return
            except TruncatedError as error:
                attempts_left -= 1
                if not attempts_left:
                    raise
                log.warning("%s: restarted", str(error).partition("; ")[0])

    def _decoded(self, start: int, chain: str) -> Generator[Picture, None, None]:
        """Yield the pictures that the filter chain outputs, the first of which is frame `start`."""
        _ = self.clip  # checks the limits
        count = start
        with self._decoder(chain, self.placement.scaled) as (process, pictures):
            for picture in pictures:
                count += 1
                yield self.placement.cut(picture)
            process.popen.wait()
            check_not_killed(process, self.path)
            self._judge(process, count)

    @contextmanager
    def _decoder(
        self, chain: str, size: tuple[int, int], *options: str
    ) -> Iterator[tuple[Process, Iterator[Picture]]]:
        """Run an ffmpeg and provide the pictures that its filter chain outputs.

        size: their height and width. options: of ffmpeg, before the input.
        """
        with open_input(self.path) as file:
            arguments = self._arguments(file, chain, *options)
            with decoding(arguments, file, self.path, self.limits) as process:
                assert process.popen.stdout is not None
                yield process, self._pictures(process.popen.stdout.fileno(), file, size)

    @cached_property
    def _facts(self) -> StreamInfo:
        return probe(self.path, self.limits)

    @cached_property
    def _extent(self) -> tuple[int, int | None]:
        return extent(
            self._facts.cadence.rate,
            start=self.start,
            end=self.end,
            frames=self.frames,
            total=self._facts.cadence.total,
        )

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width of the upright video in square pixels, before scaling."""
        look = self._facts.look
        # The aspect ratio rarely gives an even side, so round to one here, without logging it. One
        # side is enlarged rather than the other one reduced, so that no detail is lost.
        if look.aspect > 1:
            return look.height, 2 * round(look.width * look.aspect / 2)
        if look.aspect < 1:
            return 2 * round(look.height / look.aspect / 2), look.width
        return look.height, look.width

    @cached_property
    def placement(self) -> Placement:
        """Where the pixels of a picture go. With crop="auto", key frames are decoded for it."""
        return self.fitting.placement(
            self.shape,
            (self.height, self.width),
            limits=self.limits,
            unit=self._unit,
            bars=self.fitting.bars(self._samples()),
        )

    def _samples(self) -> Iterator[Picture]:
        """Yield pictures of the rendered part of the file, unscaled: key frames, or all if it has
        none, at most one per second.
        """
        height, width = self.shape
        rate, (first, last) = self._facts.cadence.rate, self._extent
        part = f"trim=start={float(first / rate)}"
        if last is not None:
            part += f":end={float(last / rate)}"
        chain = ",".join(
            [
                "setpts=PTS-STARTPTS",
                part,
                ONE_PER_SECOND,
                f"scale={width}:{height}:{EXACT}",
                "format=rgb24",
            ]
        )
        for options in (("-skip_frame", "nokey"), ()):
            count = 0
            with self._decoder(chain, self.shape, *options) as (_, pictures):
                for picture in islice(pictures, SAMPLES):
                    count += 1
                    yield picture
            if count:
                return

    def _check(self, facts: StreamInfo, count: int | None) -> None:
        """Raise UserError if the video exceeds the limits; log a variable rate."""
        name, cadence, limits = printable(self.path), facts.cadence, self.limits
        limits.check_rate("input", float(cadence.rate))
        if cadence.gap > limits.gap_seconds:
            raise UserError(
                "input: must not have a gap longer than "
                f"limits.gap_seconds={limits.gap_seconds:g}, got one of {cadence.gap:g} s in "
                f"{name}; increase limits.gap_seconds, or trim the file"
            )
        limits.check_frames("input", count)
        if not cadence.steady:
            log.info(
                "%s has a variable frame rate; it is converted to a constant %s frames/s",
                name,
                cadence.rate,
            )

    def _filters(self, first: int, last: int | None, *, alpha: bool = False) -> str:
        """Return the filter chain for frames [first, last) of the input.

        alpha: output the alpha channel as grey instead of the colours.
        """
        height, width = self.placement.scaled
        return filters(
            self._facts,
            rate=self._facts.cadence.rate,
            first=first,
            last=last,
            height=height,
            width=width,
            deinterlace=self.deinterlace,
            alpha=alpha,
        )

    def _arguments(self, file: int, chain: str, *options: str) -> list[str]:
        """Return ffmpeg's arguments to write the output of the filter chain as raw RGB."""
        return [
            *("-v", "level+warning"),  # ffmpeg reports a change of size as a warning
            # fixed: a damaged H.264 decodes differently with another number of threads
            *("-threads", "2", "-filter_threads", "1"),
            # keep the filter graph when the size of the pictures changes
            *("-max_error_rate", "0", "-reinit_filter", "0"),
            *options,
            *reading(file, self.limits),
            *("-map", f"0:V:{self._facts.stream}", "-an", "-sn", "-dn", "-vf", chain),
            *("-fps_mode", "passthrough", "-f", "rawvideo", "pipe:1"),
        ]

    def _pictures(self, pipe: int, file: int, size: tuple[int, int]) -> Iterator[Picture]:
        """Yield the pictures from the pipe. file: descriptor that its writer reads from."""
        while True:
            picture = np.empty((*size, 3), np.uint8)
            rest = picture.data.cast("B")
            while rest:
                wait(pipe, file=file, path=self.path, seconds=self.limits.stall_seconds)
                count = os.readv(pipe, [rest])
                if count == 0:
                    return
                rest = rest[count:]
            yield picture

    def _judge(self, process: Process, count: int) -> None:
        """Log the damage that ffmpeg reported. count: frames of the render when it ended.

        Raises UserError if there are none, or if ffmpeg ran out of memory.
        """
        name, code = printable(self.path), process.popen.returncode
        said = process.complaints()
        complaints = [printable(ERROR.sub("", line)) for line in said if ERROR.match(line)]
        self._report_sizes(said)
        reason = complaints[0][:200] if complaints else f"ffmpeg's exit code is {code}"
        short = self.clip.count is None or count < self.clip.count - 1
        if short and process.starved:
            raise memory_limit_error(self.path, self.limits)
        if count == 0:
            raise UserError(
                f"input: must contain readable pictures, got none in {name} ({reason}); "
                "convert the file first"
            )
        expected = self.clip.count
        if complaints or code not in (0, DECODE_ERROR):
            log.warning("%s is damaged, so some pictures may be corrupt: %s", name, reason)
        elif code == DECODE_ERROR or (expected is not None and count < expected - 1):
            log.warning(
                "%s is damaged: only %d of about %s frames can be decoded", name, count, expected
            )

    def _report_sizes(self, said: Iterable[str]) -> None:
        """Log a warning if ffmpeg reported that the size of the pictures changes."""
        for match in filter(None, map(RESIZED.search, said)):
            width, height, wide, high = match.groups()
            if (width, height) != (wide, high):
                log.warning(
                    "%s: the size of its pictures changes from %sx%s to %sx%s; all are scaled to "
                    "the size of the first",
                    printable(self.path),
                    width,
                    height,
                    wide,
                    high,
                )
                return
