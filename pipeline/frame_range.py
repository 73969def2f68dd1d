"""A frame range of a render, which can be rendered by itself and joined with the others.

A range between two cuts gives the same pictures as the full render. A range that starts within a
shot does not: it starts with warm-up frames, in which its dream grows.
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
"""Number of frames decoded before a range, so that cuts are detected in it as in the full render:
more than a flash and its neighbours."""


@dataclass(frozen=True)
class FrameRange:
    """Frames `first` to `last` (exclusive) of the full render, counted from 0."""

    first: int
    """Index of the first frame in the output."""
    last: int
    """Index after the last frame in the output."""
    run_up: int = 0
    """Number of warm-up frames before `first`, which are dreamt but not in the output; 0 if a shot
    starts at `first`."""

    @staticmethod
    def of(text: object, loop: object = False) -> FrameRange | None:
        """Return the range written as FIRST-LAST or FIRST-LAST+RUN_UP; None if `text` is None.

        loop: the setting of this name; must be False, as a loop cannot be split. Raises UserError.
        """
        if text is None:
            return None
        if loop:
            raise UserError(
                f"loop: must be false if only a part is rendered, got {str(loop).lower()}; "
                "set loop=false or part=null"
            )
        match = re.fullmatch(r"(\d{1,9})-(\d{1,9})(?:\+(\d{1,9}))?", str(text))
        frames = FrameRange(int(match[1]), int(match[2]), int(match[3] or 0)) if match else None
        if frames is None or frames.first >= frames.last or frames.begin < 0:
            raise UserError(
                "part: must be FIRST-LAST or FIRST-LAST+RUN_UP, with FIRST less than LAST and "
                f"RUN_UP at most FIRST, got {text!r}; set part=0-100 or part=100-200+48"
            )
        return frames

    def __str__(self) -> str:
        run_up = f"+{self.run_up}" if self.run_up else ""
        return f"{self.first:09d}-{self.last:09d}{run_up}"

    @property
    def begin(self) -> int:
        """Index of the first frame that is dreamt."""
        return self.first - self.run_up

    @property
    def count(self) -> int:
        """Number of frames in the output."""
        return self.last - self.first

    def clip(self, clip: Clip) -> Clip:
        """Return the clip of this range, without tracks: sound belongs to the full render."""
        return replace(clip, count=self.count, tracks=None)

    def within(self, cuts: Cuts, source: Source) -> Cuts:
        """Return cuts that skip the frames outside this range, with None as their picture.

        Decoding starts LEAD frames before the range, and nothing earlier is scaled or searched for
        cuts; it ends with the range. The first of the warm-up frames, if any, is a cut.
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
        """Return the pictures with their changes, as `Cuts` does.

        pictures: not used; the source is read again from frame `seen`.
        """
        yield from repeat((None, Change.NONE), self.seen)
        changes = self.cuts(self.source.pictures(start=self.seen))
        for index, (picture, change) in enumerate(islice(changes, self.frames.last - self.seen)):
            starts_warmup = self.frames.run_up and self.seen + index == self.frames.begin
            yield picture, Change.CUT if starts_warmup else change
