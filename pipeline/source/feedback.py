"""One picture, or noise, followed by frames that continue from the dream alone: for zooms."""

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
from pipeline.source.fitting import Fitting, Placement
from pipeline.source.images import as_fraction

Side = Annotated[int, Field(ge=1)]

MEAN = 0.45
"""Mean of the noise, in [0, 1]: a mid grey that lets the dream develop in any direction."""


@dataclass(frozen=True)
class Feedback:
    """A source of a first picture, then None for every further frame.

    Raises UserError if `frames` or `rate` exceeds the limits.
    """

    path: Path | None
    """Path of the picture. None: noise with the 1/f spectrum of photographs."""
    rate: Annotated[Fraction, BeforeValidator(as_fraction), Field(gt=0)]
    """Frames per second."""
    seconds: Annotated[float, Field(gt=0, le=86400)] | None
    """Duration in seconds. None: given by `frames` alone."""
    frames: Annotated[int, Field(ge=1)] | None
    """Maximum number of frames. None: given by `seconds` alone."""
    height: Side | None
    """Height of the result in pixels. None: from `width` and the aspect ratio, or as the input."""
    width: Side | None
    """Width of the result in pixels. None: from `height` and the aspect ratio, or as the input."""
    fitting: Fitting
    """How a picture of another shape than the result is fitted into it."""
    longest_side: Side | None
    """Longer side in pixels if neither height nor width is given for a picture. None: unscaled."""
    noise_height: Side
    """Height of the noise in pixels; if height or width is given, only the aspect ratio counts."""
    noise_width: Side
    """Width of the noise in pixels; if height or width is given, only the aspect ratio counts."""
    seed: Annotated[int, Field(ge=0)]
    """Seed of the noise."""
    contrast: Annotated[float, Field(ge=0, le=0.5)]
    """Standard deviation of the noise, of the range [0, 1]."""
    limits: Limits
    """Upper limits of the input and of the result."""

    def __post_init__(self) -> None:
        self.limits.check_frames("frames", self.frames)
        self.limits.check_rate("source.rate", float(self.rate))

    @cached_property
    def clip(self) -> Clip:
        """Size, rate and length of the result.

        Reads the picture. Raises UserError if this fails or the limits are exceeded.
        """
        count = self._count  # first, so that invalid settings fail before the picture is read
        return Clip(*self.placement.size, rate=self.rate, count=count)

    @cached_property
    def placement(self) -> Placement:
        """Where the pixels of the picture, or of the noise, go."""
        height, width = self._shape
        tall, wide, keys = self.height, self.width, ["width", "height"]
        if tall is None and wide is None and self._picture is None:
            keys = ["source.noise_width", "source.noise_height"]
        elif tall is None and wide is None and self.longest_side is not None:
            keys = ["source.longest_side"]
            tall, wide = (self.longest_side, None) if height > width else (None, self.longest_side)
        return self.fitting.placement(
            (height, width),
            (tall, wide),
            limits=self.limits,
            keys=keys,
            bars=self.fitting.bars([] if self._picture is None else [self._picture]),
        )

    def pictures(self, start: int = 0) -> Iterator[Picture | None]:
        """Yield the picture, (H, W, 3) uint8 RGB, for frame 0 and None for each further frame."""
        clip = self.clip
        assert clip.count is not None
        for index in range(start, clip.count):
            yield None if index else self._first(clip.height, clip.width)

    @property
    def _count(self) -> int:
        limit = None if self.seconds is None else max(1, round(Fraction(self.seconds) * self.rate))
        counts = [count for count in (self.frames, limit) if count is not None]
        if not counts:
            raise UserError(
                "source.seconds: must be set if frames is not, got null; "
                "set source.seconds=10, or frames=1"
            )
        self.limits.check_frames("source.seconds", min(counts))
        return min(counts)

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width in pixels of the picture before scaling, or of the result for noise."""
        return self._shape if self._picture is not None else (self.clip.height, self.clip.width)

    @property
    def _shape(self) -> tuple[int, int]:
        """Height and width in pixels of the picture or the noise, before scaling."""
        if self._picture is None:
            return self.noise_height, self.noise_width
        return self._picture.shape[0], self._picture.shape[1]

    @cached_property
    def _picture(self) -> Picture | None:
        if self.path is None:
            return None
        if self.path.is_file() and self.path.suffix.lower() not in SUFFIXES:
            raise UserError(
                f"input: must be a picture ({' '.join(SUFFIXES)}) for this recipe, got "
                f"{printable(self.path)}; for a video set recipe=video, with camera=zoom to zoom"
            )
        return read(self.path, self.limits)

    def _first(self, height: int, width: int) -> Picture:
        if self._picture is not None:
            return self.placement(self._picture)
        return noise(height, width, seed=self.seed, contrast=self.contrast)


def noise(height: int, width: int, *, seed: int, contrast: float) -> Picture:
    """Return coloured noise with a 1/f amplitude spectrum, (height, width, 3) uint8 RGB.

    It looks like soft clouds without a motif. contrast: standard deviation, of the range [0, 1].
    """
    white = np.random.default_rng(seed).standard_normal((3, height, width))
    down, across = np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width)[None]
    # A wave longer than the picture would tint all of it, so frequencies have a lower bound.
    frequency = np.maximum(np.hypot(down, across), 1 / min(height, width))
    clouds = np.fft.irfft2(np.fft.rfft2(white) / frequency, s=(height, width))
    colours = np.einsum("ij,jhw->hwi", np.array(COLOURS), clouds)
    colours = (colours - colours.mean()) / colours.std()
    scaled = np.clip(MEAN + contrast * colours, 0, 1) * 255
    return np.asarray(np.rint(scaled), np.uint8)
