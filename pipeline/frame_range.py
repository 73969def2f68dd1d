"""A part of a render, from one cut to another: it comes out by itself as in the whole.

One that begins within a shot does not: it begins a run-up earlier, for its dream to grow.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import islice, repeat

from pipeline.cuts import Change, Cuts
from pipeline.errors import UserError
from pipeline.frame import Clip, Picture
from pipeline.source import Source

LEAD = 64
"""Frames before a part among which its first are judged: more than a flash and its neighbours."""


@dataclass(frozen=True)
class FrameRange:
    """Frames of the whole, counted from 0: from `first` to before `last`."""

    first: int
    """The first frame that is shown."""
    last: int
    """The frame after the last that is shown."""
    run_up: int = 0
    """Frames before those, which are dreamt and not shown; 0 where a shot begins."""

    @staticmethod
    def of(text: object, overlap: int = 0) -> FrameRange | None:
        """Return the part that reads FIRST-LAST or FIRST-LAST+RUN_UP; None = there is none.

        overlap: frames that end and start of the whole share, which then has no parts. Raises
        UserError.
        """
        if text is None:
            return None
        if overlap:
            raise UserError(
                "loop: must be false where parts are rendered, got true; its end needs its start"
            )
        match = re.fullmatch(r"(\d{1,9})-(\d{1,9})(?:\+(\d{1,9}))?", str(text))
        frames = FrameRange(int(match[1]), int(match[2]), int(match[3] or 0)) if match else None
        if frames is None or frames.first >= frames.last or frames.begin < 0:
            raise UserError(
                "part: must be the numbers of two frames, the second larger, and of frames to run "
                f"up to the first, got {text!r}; set part=0-100 or part=100-200+48"
            )
        return frames

    def __str__(self) -> str:
        run_up = f"+{self.run_up}" if self.run_up else ""
        return f"{self.first:09d}-{self.last:09d}{run_up}"

    @property
    def begin(self) -> int:
        """The first frame that is dreamt."""
        return self.first - self.run_up

    @property
    def count(self) -> int:
        """Frames in it that are shown."""
        return self.last - self.first

    def clip(self, clip: Clip) -> Clip:
        """Return the shape of it alone; what is heard is of the whole."""
        return replace(clip, count=self.count, tracks=None)

    def within(self, cuts: Cuts, source: Source) -> Cuts:
        """Return the same cuts of the same pictures, but nothing is seen of what lies long before
        this part, or behind it: what is decoded only to be skipped is neither scaled nor looked at.
        """
        return _Within(cuts, source, self, max(0, self.begin - LEAD))


@dataclass(frozen=True)
class _Within:
    cuts: Cuts
    source: Source
    frames: FrameRange
    seen: int

    def __call__(
        self, pictures: Iterable[Picture | None]
    ) -> Iterator[tuple[Picture | None, Change]]:
        """pictures: the source's, from its beginning; they are not asked for."""
        yield from repeat((None, Change.NONE), self.seen)
        late = self.cuts(self.source.pictures(start=self.seen))
        for index, (picture, change) in enumerate(islice(late, self.frames.last - self.seen)):
            begins = self.frames.run_up and self.seen + index == self.frames.begin
            yield picture, Change.CUT if begins else change
