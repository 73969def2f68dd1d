"""How an input meets the size and the shape of the result: cropped, padded or stretched."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass as plain_dataclass
from dataclasses import replace
from fractions import Fraction
from typing import Annotated, Literal, NamedTuple

import numpy as np
from pydantic import BeforeValidator, Field
from pydantic.dataclasses import dataclass

from pipeline.bars import NO_BARS, Bars, common_bars
from pipeline.errors import UserError
from pipeline.frame import Clip, Picture
from pipeline.imaging.resizing import resize_picture
from pipeline.limits import Limits
from pipeline.source import Source
from pipeline.source.extent import output_size

RATIO = re.compile(r"(\d+(?:\.\d+)?) ?[:/x] ?(\d+(?:\.\d+)?)")
"""An aspect ratio, as width and height: 16:9."""
SAME_SHAPE = 2
"""Difference in pixels up to which a shape is the wanted one: it comes from rounding to even
sides, and is scaled away."""


def parse_aspect(value: object) -> object:
    """Return the ratio of width to height that a text such as 16:9 stands for, else the value.

    Raises ValueError for other texts.
    """
    if isinstance(value, float):
        return str(value)  # Fraction takes the decimal that was written
    if not isinstance(value, str):
        return value
    match = RATIO.fullmatch(value.strip())
    if not match or not float(match[2]):
        raise ValueError("must be a ratio of width to height such as 16:9, 9:16, 1:1 or 2.39")
    return Fraction(match[1]) / Fraction(match[2])


Fit = Literal["crop", "pad", "stretch"]
Share = Annotated[float, Field(ge=0, le=1)]
Aspect = Annotated[Fraction, BeforeValidator(parse_aspect), Field(ge=0.05, le=20)]


@plain_dataclass(frozen=True)
class Placement:
    """Where the pixels of a picture go: the whole picture is scaled, then cropped, then padded."""

    scaled: tuple[int, int]
    """Height and width in pixels to which the whole picture is scaled."""
    crop: Bars
    """Pixels of the scaled picture that are removed at each side."""
    pad: Bars
    """Black pixels that are added at each side."""

    @property
    def is_plain(self) -> bool:
        """Whether the picture is only scaled."""
        return not any(self.crop) and not any(self.pad)

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of the result in pixels."""
        (height, width), crop, pad = self.scaled, self.crop, self.pad
        return (
            height - crop.top - crop.bottom + pad.top + pad.bottom,
            width - crop.left - crop.right + pad.left + pad.right,
        )

    def __call__(self, picture: Picture) -> Picture:
        """Return the result for a picture of any size, (H, W, C) or (H, W), same dtype."""
        return self.cut(resize_picture(picture, *self.scaled))

    def cut(self, scaled: Picture) -> Picture:
        """Return the result for a picture that has been scaled: the same object if it fits."""
        if self.is_plain:
            return scaled
        (height, width), crop, pad = self.scaled, self.crop, self.pad
        result = np.zeros((*self.size, *scaled.shape[2:]), scaled.dtype)
        inner = result[pad.top : len(result) - pad.bottom, pad.left : self.size[1] - pad.right]
        inner[:] = scaled[crop.top : height - crop.bottom, crop.left : width - crop.right]
        return result


@dataclass(frozen=True)
class Fitting:
    """How an input of another shape than the result is fitted into it."""

    aspect: Aspect | None
    """Ratio of width to height of the result. None: from width and height, or the input's."""
    fit: Fit
    """Whether what does not fit is cut off, black is added, or the picture is distorted."""
    centre: tuple[Share, Share]
    """Centre (x, y) of the crop in the input, or of the input in the padded result, as shares of
    the width and the height; as near to it as the edges allow."""
    crop: Literal["auto"] | None
    """Whether black bars and plain borders are removed first. None: they are part of the input."""

    def placement(
        self,
        shape: tuple[int, int],
        wanted: tuple[int | None, int | None],
        *,
        limits: Limits,
        unit: int = 2,
        keys: Sequence[str] = ("width", "height"),
        bars: Bars = NO_BARS,
    ) -> Placement:
        """Return where the pixels of the input go.

        shape: height and width of the upright input in square pixels. wanted: those of the result
        in pixels, or None. bars: of the input, to remove. The others are those of `output_size`,
        which raises UserError.
        """
        (height, width), (wanted_height, wanted_width) = shape, wanted
        if self.aspect is not None and wanted_height is not None and wanted_width is not None:
            raise UserError(
                f"aspect: must be null if width={wanted_width} and height={wanted_height} are "
                f"both set, got {float(self.aspect):.4g}; set aspect=null, width=null or "
                "height=null"
            )
        kept = height - bars.top - bars.bottom, width - bars.left - bars.right
        size = output_size(
            *self._shape(*kept),
            wanted_height=wanted_height,
            wanted_width=wanted_width,
            limits=limits,
            unit=unit,
            keys=keys,
        )
        scales = Fraction(size[0], kept[0]), Fraction(size[1], kept[1])
        scale = max(scales) if self.fit == "crop" else min(scales)
        differences = [abs(scale * old - new) for old, new in zip(kept, size, strict=True)]
        if self.fit != "stretch" and max(differences) >= SAME_SHAPE:
            scales = scale, scale
        down, across = (
            _Axis.of(side, borders, scale, target, centre)
            for side, borders, scale, target, centre in zip(
                (height, width),
                ((bars.top, bars.bottom), (bars.left, bars.right)),
                scales,
                size,
                self.centre[::-1],
                strict=True,
            )
        )
        return Placement(
            scaled=(down.scaled, across.scaled),
            crop=Bars(*down.crop, *across.crop),
            pad=Bars(*down.pad, *across.pad),
        )

    def bars(self, pictures: Iterable[Picture]) -> Bars:
        """Return the bars to remove. pictures: of the input, read with crop="auto" only."""
        return NO_BARS if self.crop is None else common_bars(pictures)

    def _shape(self, height: int, width: int) -> tuple[int, int]:
        """Return a height and a width in pixels that have the aspect ratio of the result.

        height, width: those of the input. A cropped result has at most their pixels, a padded
        one at least.
        """
        if self.aspect is None:
            return height, width
        is_wider = Fraction(width, height) > self.aspect
        if is_wider == (self.fit != "pad"):
            return height, max(1, round(height * self.aspect))
        return max(1, round(width / self.aspect)), width


class _Axis(NamedTuple):
    """Placement along one axis, in pixels; pairs are at its beginning and its end."""

    scaled: int
    crop: tuple[int, int]
    pad: tuple[int, int]

    @staticmethod
    def of(
        side: int, borders: tuple[int, int], scale: Fraction, wanted: int, centre: float
    ) -> _Axis:
        """Return the placement of a side of the input in one of the result.

        borders: pixels of the input to remove. scale: ratio of the sizes. wanted: pixels of the
        result. centre: see Fitting.
        """
        scaled = round(side * scale)
        fills = (side - sum(borders)) * scale >= wanted
        while True:
            # rounded so that nothing of the borders is left
            first, last = (-(-border * scaled // side) for border in borders)
            inner = scaled - first - last
            if inner >= wanted or not fills:
                break
            scaled += 1
        if inner >= wanted:
            start = first + min(max(round(centre * inner - wanted / 2), 0), inner - wanted)
            return _Axis(scaled, (start, scaled - start - wanted), (0, 0))
        before = min(max(round(centre * wanted - inner / 2), 0), wanted - inner)
        return _Axis(scaled, (first, last), (before, wanted - inner - before))


@plain_dataclass(frozen=True)
class Placed:
    """A source whose pictures are placed like those of another one: a mask like its input."""

    source: Source
    """The pictures, at any size."""
    placement: Placement
    """Where their pixels go."""

    @property
    def clip(self) -> Clip:
        """Size, rate and length of the result."""
        height, width = self.placement.size
        return replace(self.source.clip, height=height, width=width)

    def pictures(self, start: int = 0) -> Iterator[Picture | None]:
        """Yield the pictures from frame `start` on."""
        for picture in self.source.pictures(start):
            yield None if picture is None else self.placement(picture)
