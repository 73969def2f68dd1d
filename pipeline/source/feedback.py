"""One picture, or noise, and then nothing but what is dreamt of it: for zooms."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from functools import cached_property
from pathlib import Path
from typing import Annotated

import numpy as np
from pydantic import BeforeValidator, Field
from pydantic.dataclasses import dataclass

from pipeline.errors import UserError, printable
from pipeline.frame import Clip, Picture
from pipeline.image_io.reader import read
from pipeline.image_io.suffixes import SUFFIXES
from pipeline.imaging.natural_images import COLOURS
from pipeline.limits import Limits
from pipeline.source.extent import dream_size
from pipeline.source.images import as_fraction, resize_picture

Side = Annotated[int, Field(ge=1)]

MEAN = 0.45
"""Of the noise, in [0, 1]: grey enough for a dream to take any way."""


@dataclass(frozen=True)
class Feedback:
    """A first picture, then None until the time is over."""

    path: Path | None
    """Of the picture; None = noise whose spectrum falls as 1/f, as that of photographs does."""
    rate: Annotated[Fraction, BeforeValidator(as_fraction), Field(gt=0)]
    """Frames a second."""
    seconds: Annotated[float, Field(gt=0, le=86400)] | None
    """How long, None = until `frames` are made."""
    frames: Annotated[int, Field(ge=1)] | None
    """At most so many."""
    height: Side | None
    """Pixels of the result; one given keeps the picture's shape, or the noise's."""
    width: Side | None
    """Pixels of the result; one given keeps the picture's shape, or the noise's."""
    longest_side: Side | None
    """Pixels of the longer side of a picture where neither is given, None = its own."""
    noise_height: Side
    """Of the noise, where neither height nor width is given."""
    noise_width: Side
    """Of the noise, where neither height nor width is given."""
    seed: Annotated[int, Field(ge=0)]
    """Of the noise."""
    contrast: Annotated[float, Field(ge=0, le=0.5)]
    """Its deviation, in [0, 1]."""
    limits: Limits
    """Upper limits of the result."""

    def __post_init__(self) -> None:
        self.limits.check_frames("frames", self.frames)
        self.limits.check_rate("source.rate", float(self.rate))

    @cached_property
    def clip(self) -> Clip:
        """The shape of the result. Reads the picture; raises UserError if it cannot."""
        count = self._count  # before the picture: what is refused should be so at once
        height, width = self._shape
        tall, wide, keys = self.height, self.width, ["width", "height"]
        if tall is None and wide is None and self._picture is None:
            keys = ["source.noise_width", "source.noise_height"]
        elif tall is None and wide is None and self.longest_side is not None:
            keys = ["source.longest_side"]
            tall, wide = (self.longest_side, None) if height > width else (None, self.longest_side)
        size = dream_size(
            height, width, wanted_height=tall, wanted_width=wide, limits=self.limits, keys=keys
        )
        return Clip(*size, rate=self.rate, count=count)

    def pictures(self, start: int = 0) -> Iterator[Picture | None]:
        """Yield the picture, (H, W, 3) uint8 RGB, as frame 0, and None for each further frame."""
        clip = self.clip
        assert clip.count is not None
        for index in range(start, clip.count):
            yield None if index else self._first(clip.height, clip.width)

    @property
    def _count(self) -> int:
        most = None if self.seconds is None else max(1, round(Fraction(self.seconds) * self.rate))
        counts = [count for count in (self.frames, most) if count is not None]
        if not counts:
            raise UserError(
                "source.seconds: must be given where frames is not, got null; set frames=1"
            )
        self.limits.check_frames("source.seconds", min(counts))
        return min(counts)

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width, in pixels, of the picture itself; of noise, those of the result."""
        return self._shape if self._picture is not None else (self.clip.height, self.clip.width)

    @property
    def _shape(self) -> tuple[int, int]:
        """Return height and width, in pixels, of the picture or of the noise, unscaled."""
        if self._picture is None:
            return self.noise_height, self.noise_width
        return self._picture.shape[0], self._picture.shape[1]

    @cached_property
    def _picture(self) -> Picture | None:
        if self.path is None:
            return None
        if self.path.is_file() and self.path.suffix.lower() not in SUFFIXES:
            raise UserError(
                f"input: must be a picture ({' '.join(SUFFIXES)}) to fly into, got "
                f"{printable(self.path)}; over a video set recipe=video camera=zoom"
            )
        return read(self.path, self.limits)

    def _first(self, height: int, width: int) -> Picture:
        if self._picture is not None:
            return resize_picture(self._picture, height, width)
        return noise(height, width, seed=self.seed, contrast=self.contrast)


def noise(height: int, width: int, *, seed: int, contrast: float) -> Picture:
    """Coloured noise, (height, width, 3), whose amplitude falls as 1/f: soft clouds, no motif.

    contrast: its deviation, in [0, 1].
    """
    white = np.random.default_rng(seed).standard_normal((3, height, width))
    down, across = np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width)[None]
    # A wave as long as the picture would be a cast over all of it.
    frequency = np.maximum(np.hypot(down, across), 1 / min(height, width))
    clouds = np.fft.irfft2(np.fft.rfft2(white) / frequency, s=(height, width))
    colours = np.einsum("ij,jhw->hwi", np.array(COLOURS), clouds)
    colours = (colours - colours.mean()) / colours.std()
    scaled = np.clip(MEAN + contrast * colours, 0, 1) * 255
    return np.asarray(np.rint(scaled), np.uint8)
