"""Pictures that are dreamt each on its own, at full depth and exact size: one, or a folder."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from functools import cached_property
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from pydantic import BeforeValidator, Field
from pydantic.dataclasses import dataclass

from pipeline.errors import UserError, printable
from pipeline.frame import Clip, Picture, composite_over_grey
from pipeline.image_io.alpha import fill_transparent
from pipeline.image_io.reader import load
from pipeline.image_io.suffixes import SUFFIXES
from pipeline.limits import Limits
from pipeline.source.extent import dream_size
from pipeline.source.images import PATTERN, find_pictures, report_left_out, resize_picture
from pipeline.storage.input_file import require_path

Count = Annotated[int, Field(ge=1, strict=True)]
Second = Annotated[float, Field(allow_inf_nan=False)]
Transparency = Literal["keep", "black", "white"]
WALLS = {"black": 0.0, "white": 1.0}
"""How bright the wall is that a transparent picture is seen before."""


@dataclass(frozen=True)
class Still:
    """A Source of one picture, upright, in 8 or 16 bits as its file has it."""

    path: Path
    """Of the picture."""
    height: Count | None
    """Pixels of the result; one given keeps its shape."""
    width: Count | None
    """Pixels of the result; one given keeps its shape."""
    alpha: Transparency
    """Whether what is transparent stays so, or is seen before black or white."""
    limits: Limits
    """Upper limits of the input."""

    @property
    def clip(self) -> Clip:
        """The shape of the result. Reads the picture; raises UserError if it cannot."""
        return self._taken[1]

    def pictures(self, start: int = 0) -> Iterator[Picture]:
        """Yield the picture, (H, W, 3) uint8 or uint16 RGB; where it is transparent, filled in."""
        if start == 0:
            yield self._taken[0].copy()  # the caller may write into it

    @cached_property
    def _taken(self) -> tuple[Picture, Clip]:
        """The picture to dream on, and its shape. Raises UserError."""
        contents = load(self.path, self.limits)
        colours, alpha = contents.colours, contents.alpha
        size = dream_size(
            *colours.shape[:2],
            wanted_height=self.height,
            wanted_width=self.width,
            limits=self.limits,
            unit=1,
        )
        if alpha is not None and self.alpha in WALLS:
            colours, alpha = composite_over_grey(colours, alpha, WALLS[self.alpha]), None
        seen = colours if alpha is None else fill_transparent(colours, alpha)
        picture = resize_picture(seen, *size)
        depth = 8 * colours.dtype.itemsize
        # a second is as good as any other rate
        clip = Clip(*size, rate=Fraction(1), count=1, depth=depth, profile=contents.profile)
        if alpha is not None:
            # what nobody sees stays as it was, unless scaling would smear it
            under = colours if picture is seen else picture
            clip = replace(clip, cutout=np.dstack([under, resize_picture(alpha, *size)]))
        return picture, clip


@dataclass(frozen=True)
class Stills:
    """Several pictures, each with its own size, depth and transparency."""

    path: Path
    """A folder, or a name with a number in it such as scan_%04d.png."""
    frames: Count | None
    """At most so many, None = all."""
    one: Still
    """The settings of each, whatever its path."""

    @property
    def clip(self) -> Clip:
        """The shape of the first that can be read; raises UserError if none can."""
        return self._first[1].clip

    def each(self) -> Iterator[tuple[Path, Still]]:
        """Yield every picture by its file, in natural order; what cannot be read is among them."""
        index, first = self._first
        report_left_out(self.path, self.files)
        for number, file in enumerate(self.files):
            yield file, first if number == index else replace(self.one, path=file)

    @cached_property
    def files(self) -> list[Path]:
        """The files, in natural order. Raises UserError if there are none."""
        files = find_pictures(self.path)
        if not files:
            raise UserError(
                f"input: must name at least one picture ({' '.join(SUFFIXES)}), "
                f"got none at {printable(self.path)}; check the folder and the pattern"
            )
        files = files[: self.frames]
        self.one.limits.check_frames("input", len(files))
        return files

    @cached_property
    def _first(self) -> tuple[int, Still]:
        """The first that can be read, decoded once and for all, and its number."""
        reason: UserError | None = None
        for index, file in enumerate(self.files):
            still = replace(self.one, path=file)
            try:
                _ = still.clip
            except UserError as error:
                reason = reason or error
            else:
                return index, still
        raise reason or AssertionError("there is a file")


def stills(
    path: Annotated[Path, BeforeValidator(require_path)],
    frames: Count | None,
    start: Second | None,
    end: Second | None,
    height: Count | None,
    width: Count | None,
    alpha: Transparency,
    limits: Limits,
) -> Still | Stills:
    """Return the picture at `path`, or those in a folder or of a numbered pattern.

    The settings of Still and Stills. start, end: must be None, for stills have no time.
    """
    for key, value in (("start", start), ("end", end)):
        if value is not None:
            raise UserError(
                f"{key}: must not be given for pictures that are dreamt each on its own, got "
                f"{value:g} s; leave it out, or set recipe=video for a sequence"
            )
    limits.check_frames("frames", frames)
    one = Still(path, height, width, alpha, limits)
    several = path.is_dir() or (PATTERN.search(path.name) and not path.exists())
    return Stills(path, frames, one) if several else one
