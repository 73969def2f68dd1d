"""What goes beside the input, in step with it: the mask and the guide."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any, TypeAlias

from pipeline import face
from pipeline.frame import Frame, Guide
from pipeline.mask import Mask, check_shape
from pipeline.track import Track, named

Make: TypeAlias = Callable[[str, dict[str, object]], Any]


@dataclass(frozen=True)
class Beside:
    """Called with the frames, the same ones with what goes beside them; None = nothing does."""

    mask: Mask | None = None
    guide: Track | None = None

    def __call__(self, frames: Iterator[Frame]) -> Iterator[Frame]:
        """The frames, each with its mask and its guide."""
        if self.mask is not None:
            frames = self.mask.along(frames)
        return frames if self.guide is None else _guided(frames, self.guide)

    def first_guide(self) -> Guide | None:
        """The guide of the first frame, for trying. Raises UserError if it cannot be read."""
        if self.guide is None:
            return None
        with closing(_guided([Frame(0, 0.0, None)], self.guide)) as frames:
            return next(frames).guide


ALONE = Beside()
"""Nothing beside the input."""


def beside_of(settings: Mapping[str, Any], source: Any, make: Make) -> Beside:
    """What the keys mask and guide name, for a render of this source.

    make: a source of the file that a key names, with these of its settings changed. Raises
    UserError for one that cannot be read, and for a mask of another shape.
    """
    clip = source.clip
    # where the input's first frame lies: the frame nearest to what was asked
    asked = Fraction(getattr(source, "start", None) or 0)
    start = math.floor(asked * clip.rate + Fraction(1, 2)) / clip.rate
    # of a folder beside a video, every frame has a picture
    steps, mask, guide = {"rate": clip.rate}, None, None
    invert = face.flag("mask_invert", settings["mask_invert"])
    feather = face.feather_of(settings["mask_feather"])
    if settings["mask"] is not None:
        with named("mask"):
            mattes = make("mask", {**steps, "height": clip.height, "width": clip.width})
            check_shape(mattes.shape, source.shape, (clip.height, clip.width))
        mask = Mask(Track("mask", mattes, float(start)), invert, feather)
    if settings["guide"] is not None:
        with named("guide"):
            height, width = (side & ~1 for side in make("guide", steps).shape)
            pictures = make("guide", {**steps, "height": height, "width": width})
        guide = Track("guide", pictures, float(start))
    return Beside(mask, guide)


def _guided(frames: Iterable[Frame], track: Track) -> Iterator[Frame]:
    """The frames with their guide, the very same object as long as its picture stays."""
    guide: Guide | None = None
    for frame, picture in track.along(frames):
        if guide is None or guide.picture is not picture:
            guide = Guide(picture)
        yield replace(frame, guide=guide)
