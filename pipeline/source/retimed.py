"""A source at another frame rate or speed, with pictures between those of the input."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cached_property
from itertools import count
from typing import Any, Literal

from pipeline.flow import Flow
from pipeline.frame import Clip, Picture, Tracks
from pipeline.imaging.interpolation import Flows, interpolate
from pipeline.limits import Limits
from pipeline.source import Source

Sound = Literal["stretch", "drop", "copy"]
"""Whether sound follows the speed at the same pitch, is left out of the result (which is not done
here, as schedules may use it), or stays as it is."""


@dataclass(frozen=True)
class Retimed:
    """The pictures of a source at these times, interpolated along the flow where there is none.

    A picture at a time of the source is the source's own, unchanged.
    """

    source: Source
    """The source, without a limit on its frames."""
    rate: Fraction
    """Frames per second of the result."""
    speed: Fraction
    """Seconds of the source per second of the result: 0.5 is slow motion."""
    frames: int | None
    """Maximum number of frames. None: no limit."""
    sound: Sound
    """What happens to the sound if the speed is not 1."""
    flow: Flow
    """Motion between two pictures. None as its result: the nearest picture is repeated."""
    limits: Limits
    """Upper limits of the result."""

    @property
    def step(self) -> Fraction:
        """Pictures of the source per frame of the result."""
        return self.speed * self.source.clip.rate / self.rate

    @cached_property
    def clip(self) -> Clip:
        """Size, rate, length and tracks of the result. Raises UserError as that of the source."""
        clip = self.source.clip
        total = None if clip.count is None else max(1, math.ceil(clip.count / self.step))
        if self.frames is not None:
            total = self.frames if total is None else min(total, self.frames)
        self.limits.check_frames("rate, speed", total)
        self.limits.check_rate("rate", float(self.rate))
        tracks = None if clip.tracks is None else self._tracks(clip.tracks, total)
        return replace(clip, rate=self.rate, count=total, tracks=tracks)

    def pictures(self, start: int = 0) -> Iterator[Picture]:
        """Yield the pictures from frame `start` on, (H, W, 3) uint8 RGB; see Source."""
        step = self.step
        at = math.floor(start * step)
        pictures: Any = self.source.pictures(at)
        with closing(pictures):
            pair = _Pair(self.flow, next(pictures, None), next(pictures, None))
            for index in count(start):
                position = index * step
                while at + 1 <= position:
                    pair, at = _Pair(self.flow, pair.second, next(pictures, None)), at + 1
                if pair.first is None or (self.frames is not None and index >= self.frames):
                    return
                yield pair.picture(float(position - at))

    def _tracks(self, tracks: Tracks, total: int | None) -> Tracks:
        """Return the tracks of the result. total: its number of frames."""
        seconds = None if total is None else float(total / self.rate)
        if self.speed == 1 or self.sound == "copy":
            return replace(tracks, seconds=seconds)
        of_file = None if seconds is None else seconds * float(self.speed)
        return replace(tracks, seconds=of_file, tempo=float(self.speed))


@dataclass(frozen=True)
class _Pair:
    """Two neighbouring pictures of the source. None: the source has ended."""

    flow: Flow
    first: Picture | None
    second: Picture | None

    def picture(self, share: float) -> Picture:
        """Return the picture at this share of the time from the first to the second."""
        assert self.first is not None
        if share == 0 or self.second is None:
            return self.first.copy()  # the caller may write into it, and it may be yielded again
        if self._flows is None:
            return (self.first if share < 0.5 else self.second).copy()
        return interpolate(self.first, self.second, self._flows, share)

    @cached_property
    def _flows(self) -> Flows | None:
        """Motion between the pictures, estimated once; None if the flow gives none."""
        assert self.first is not None
        assert self.second is not None
        back, onward = self.flow(self.second, self.first), self.flow(self.first, self.second)
        return None if back is None or onward is None else Flows.of(onward.flow, back.flow)
