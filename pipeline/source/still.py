"""Pictures that are dreamt separately, at full bit depth and exact size: one, or several."""

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
from pipeline.source.fitting import Fitting, Placement
from pipeline.source.images import PATTERN, find_pictures, report_left_out
from pipeline.storage.input_file import require_path

Count = Annotated[int, Field(ge=1, strict=True)]
Second = Annotated[float, Field(allow_inf_nan=False)]
Transparency = Literal["keep", "black", "white"]
BACKGROUNDS = {"black": 0.0, "white": 1.0}
"""Background of a transparent picture: setting -> grey value, from 0 (black) to 1 (white)."""


@dataclass(frozen=True)
class Still:
    """A Source of one picture, upright, with the bit depth of its file (8 or 16)."""

    path: Path
    """Path of the picture."""
    height: Count | None
    """Height of the result in pixels. None: from `width` and the aspect ratio, or as the input."""
    width: Count | None
    """Width of the result in pixels. None: from `height` and the aspect ratio, or as the input."""
    fitting: Fitting
    """How a picture of another shape than the result is fitted into it."""
    alpha: Transparency
    """Whether to keep the transparency or to composite the picture over black or white."""
    limits: Limits
    """Upper limits of the input."""

    @property
    def clip(self) -> Clip:
        """Size and format of the result. Reads the picture; raises UserError if it cannot."""
        return self._taken[1]

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width of the picture in pixels, before scaling."""
        return self._taken[2]

    @property
    def placement(self) -> Placement:
        """Where the pixels of the picture go."""
        return self._taken[3]

    def pictures(self, start: int = 0) -> Iterator[Picture]:
        """Yield the picture, (H, W, 3) uint8 or uint16 RGB, with transparent areas filled in."""
        if start == 0:
            yield self._taken[0].copy()  # the caller may write into it

    @cached_property
    def _taken(self) -> tuple[Picture, Clip, tuple[int, int], Placement]:
        """The picture to dream on, its clip, its size before scaling, and where its pixels go.

        Raises UserError if it cannot be read.
        """
        contents = load(self.path, self.limits)
        colours, alpha = contents.colours, contents.alpha
        if alpha is not None and self.alpha in BACKGROUNDS:
            colours, alpha = composite_over_grey(colours, alpha, BACKGROUNDS[self.alpha]), None
        opaque = colours if alpha is None else fill_transparent(colours, alpha)
        place = self.fitting.placement(
            opaque.shape[:2],
            (self.height, self.width),
            limits=self.limits,
            unit=1,
            bars=self.fitting.bars([opaque]),
        )
        picture = place(opaque)
        depth = 8 * colours.dtype.itemsize
        # the rate of a still is arbitrary
        clip = Clip(*place.size, rate=Fraction(1), count=1, depth=depth, profile=contents.profile)
        if alpha is not None:
            # invisible colours are kept unless scaling would blend them into visible ones
            cutout_colours = place.cut(colours) if place.scaled == colours.shape[:2] else picture
            clip = replace(clip, cutout=np.dstack([cutout_colours, place(alpha)]))
        return picture, clip, opaque.shape[:2], place


@dataclass(frozen=True)
class Stills:
    """Several pictures, each with its own size, bit depth and transparency."""

    path: Path
    """A folder, or a pattern of numbered files such as scan_%04d.png."""
    frames: Count | None
    """Maximum number of pictures. None: no limit."""
    one: Still
    """Settings of every picture; its path is replaced."""

    @property
    def clip(self) -> Clip:
        """Clip of the first picture that can be read. Raises UserError if none can."""
        return self._first[1].clip

    def each(self) -> Iterator[tuple[Path, Still]]:
        """Yield (file, Still) in natural order, including files that cannot be read."""
        index, first = self._first
        report_left_out(self.path, self.files)
        for number, file in enumerate(self.files):
            yield file, first if number == index else replace(self.one, path=file)

    @cached_property
    def files(self) -> list[Path]:
        """The files, in natural order.

        Raises UserError if there are none, or more than the limits allow.
        """
        files = find_pictures(self.path)
        if not files:
            raise UserError(
                f"input: must contain at least one picture ({' '.join(SUFFIXES)}), "
                f"got none at {printable(self.path)}; check the folder or the pattern"
            )
        files = files[: self.frames]
        self.one.limits.check_frames("input", len(files))
        return files

    @cached_property
    def _first(self) -> tuple[int, Still]:
        """Index of the first file that can be read, and its Still, already decoded."""
        reason: UserError | None = None
        for index, file in enumerate(self.files):
            still = replace(self.one, path=file)
            try:
                _ = still.clip
            except UserError as error:
                reason = reason or error
            else:
                return index, still
        raise reason or AssertionError("there is at least one file")


def stills(
    path: Annotated[Path, BeforeValidator(require_path)],
    frames: Count | None,
    start: Second | None,
    end: Second | None,
    height: Count | None,
    width: Count | None,
    fitting: Fitting,
    alpha: Transparency,
    limits: Limits,
) -> Still | Stills:
    """Return a Still for the picture at `path`, or Stills for a folder or a numbered pattern.

    Takes the settings of Still and Stills. start, end: must be None, since stills have no time.
    Raises UserError if one is given, or if `frames` exceeds the limits.
    """
    for key, value in (("start", start), ("end", end)):
        if value is not None:
            raise UserError(
                f"{key}: must be null for stills, which have no time, got {value:g} s; "
                f"set {key}=null, or recipe=video for a sequence"
            )
    limits.check_frames("frames", frames)
    one = Still(path, height, width, fitting, alpha, limits)
    several = path.is_dir() or (PATTERN.search(path.name) and not path.exists())
    return Stills(path, frames, one) if several else one
