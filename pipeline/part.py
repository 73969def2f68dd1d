"""A part of a render, from one cut to another: it comes out by itself as in the whole."""

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
class Part:
    """Frames of the whole, counted from 0: from `first` to before `last`."""

    first: int
    last: int

    @staticmethod
    def of(text: object, overlap: int = 0) -> Part | None:
        """The part that reads FIRST-LAST; None = there is none. Raises UserError.

        overlap: frames that end and start of the whole share, which then has no parts.
        """
        if text is None:
            return None
        if overlap:
            raise UserError(
                "loop: must be false where parts are rendered, got true; its end needs its start"
            )
        match = re.fullmatch(r"(\d{1,9})-(\d{1,9})", str(text))
        part = Part(int(match[1]), int(match[2])) if match else None
        if part is None or part.first >= part.last:
            raise UserError(
                f"part: must be the numbers of two frames, the second larger, got {text!r}; "
                "say part=0-100"
            )
        return part

    def __str__(self) -> str:
        return f"{self.first:09d}-{self.last:09d}"

    @property
    def count(self) -> int:
        """Frames in it."""
        return self.last - self.first

    def clip(self, clip: Clip) -> Clip:
        """The shape of it alone; what is heard is of the whole."""
        return replace(clip, count=self.count, tracks=None)

    def within(self, cuts: Cuts, source: Source) -> Cuts:
        """The same cuts of the same pictures, but nothing is seen of what lies long before this
        part, or behind it: what is decoded only to be skipped is neither scaled nor looked at.
        """
        return _Within(cuts, source, max(0, self.first - LEAD), self.last)


@dataclass(frozen=True)
class _Within:
    cuts: Cuts
    source: Source
    begin: int
    end: int

    def __call__(
        self, pictures: Iterable[Picture | None]
    ) -> Iterator[tuple[Picture | None, Change]]:
        """pictures: the source's, from its beginning; they are not asked for."""
        yield from repeat((None, Change.NONE), self.begin)
        late = self.source.pictures(start=self.begin)
        yield from islice(self.cuts(late), self.end - self.begin)
