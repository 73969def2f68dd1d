"""Contract: where the pictures come from. One file a kind of source."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Protocol, runtime_checkable

from pipeline.frame import Clip, Picture


class Source(Protocol):
    """Pictures in order, at a constant rate, all of one size; None where it films no more.

    Sides are even but a still's.
    """

    @property
    def clip(self) -> Clip:
        """The shape of what `pictures` yields; found out once, without decoding the whole.

        Raises UserError if the input cannot be read.
        """

    def pictures(self, start: int = 0) -> Iterator[Picture | None]:
        """Return the pictures from frame `start` on: (H, W, 3) RGB of clip's depth, in constant
        memory.

        None where nothing was filmed: the dream is all there is. It has a first picture, and none
        behind the first None. Closing the iterator early frees whatever it holds. Raises UserError
        if the input breaks in a way that leaves nothing to show; lesser damage is logged as a
        warning.
        """


@runtime_checkable
class StillCollection(Protocol):
    """Stills in several files, each a Source of its own."""

    @property
    def files(self) -> Sequence[Path]:
        """The files, in order. Raises UserError if there are none."""

    @property
    def clip(self) -> Clip:
        """The shape of the first that can be read; raises UserError if none can."""

    def each(self) -> Iterator[tuple[Path, Source]]:
        """Return each file's Source; that of a file that cannot be read is among them, unread."""
