"""The auxiliary inputs of a render, synchronised with its input: the mask and the guide."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, replace

from pipeline.auxiliary.mask import Mask
from pipeline.auxiliary.synced import SyncedPictures
from pipeline.frame import Frame, Guide


@dataclass(frozen=True)
class AuxiliaryInputs:
    """The mask and the guide of a render, attached to frames when called with them."""

    mask: Mask | None = None
    """Mask of where, and how strongly, to dream. None: everywhere."""
    guide: SyncedPictures | None = None
    """Pictures whose motifs the dream should show. None: no guide."""

    def __call__(self, frames: Iterator[Frame]) -> Iterator[Frame]:
        """Return an iterator over the frames, each with its mask and its guide."""
        if self.mask is not None:
            frames = self.mask.along(frames)
        return frames if self.guide is None else _with_guide(frames, self.guide)

    def first_guide(self) -> Guide | None:
        """Return the guide of the first frame, for a trial, or None if there is no guide.

        Raises UserError if it cannot be read.
        """
        if self.guide is None:
            return None
        with closing(_with_guide([Frame(0, 0.0, None)], self.guide)) as frames:
            return next(frames).guide


NO_INPUTS = AuxiliaryInputs()
"""Neither mask nor guide."""


def _with_guide(frames: Iterable[Frame], track: SyncedPictures) -> Generator[Frame, None, None]:
    """Yield the frames with their guide, the same object as long as the picture is the same."""
    guide: Guide | None = None
    for frame, picture in track.along(frames):
        if guide is None or guide.picture is not picture:
            guide = Guide(picture)
        yield replace(frame, guide=guide)
