"""Gradient ascent over octaves, the smallest first, with only as many steps as a frame needs.

Mordvintsev, Olah, Tyka 2015, google/deepdream: what the dream added in a smaller octave is passed
on to the next one as detail, `x = base + upsampled detail`, so the source stays sharp.
"""

from __future__ import annotations

import dataclasses
import math
from collections import Counter
from collections.abc import Sequence
from functools import partial
from typing import Annotated, Literal

import torch
from pydantic import Field
from pydantic.dataclasses import dataclass

from pipeline.canvas import Canvas
from pipeline.dreamer import Dream, Dreamer, GradientFn
from pipeline.dreamer.ascent import ascend
from pipeline.dreamer.gradient_filters import Shaping
from pipeline.dreamer.regularizers import Penalties
from pipeline.errors import UserError
from pipeline.frame import Memory
from pipeline.imaging.resizing import resize

Count = Annotated[int, Field(ge=0, le=10_000)]
Step = Annotated[float, Field(ge=0, le=1)]
Weight = Annotated[float, Field(ge=0, le=50)]

LEAST_NEW = 0.002
"""Immature share of the frame below which no smaller octave is dreamt: it is noise of the flow."""
PREVIEW_PIXELS = 480 * 270
"""Pixels of a preview: octaves="auto" makes motifs as large, relative to the frame, as in it."""
PREVIEW_OCTAVES = 4
"""Number of octaves of a preview."""


@dataclass(frozen=True)
class Octaves:
    """Gradient ascent over octaves: all steps on new content, and a few upkeep steps elsewhere."""

    octaves: Literal["auto"] | Annotated[int, Field(ge=1, le=20)]
    """Number of octaves (sizes of the picture), counted from the full size. "auto": counted from
    the smallest size of a preview, so that motifs have the same size relative to the frame; larger
    pictures than a preview get more octaves, smaller ones fewer."""
    octave_scale: Annotated[float, Field(gt=1, le=4)]
    """Ratio of the sizes of adjacent octaves; with octaves="auto", approximately."""
    motif_size: Annotated[float, Field(ge=0.25, le=4)]
    """Only with octaves="auto": size of the motifs, relative to the frame and to the default 1; the
    smallest octave has 1 / motif_size of its usual size."""
    fine_detail: Annotated[float, Field(ge=0, le=1)]
    """Only with octaves="auto": ratio of the step sizes of adjacent octaves beyond the size of a
    preview; 0: those octaves are left out."""
    iterations: Annotated[int, Field(ge=1, le=10_000)]
    """Steps per octave where all content is new: in the first frame and after a cut."""
    step_size: Step
    """Standard deviation of what a step adds, for pictures in [0, 1]."""
    jitter: Count
    """Maximum shift of the image before each step, in pixels at full size (with octaves="auto":
    from the size of a preview on) and proportionally less in smaller octaves; it keeps the
    network's sampling grid from leaving a pattern."""
    smoothing: Annotated[float, Field(ge=0, le=4)]
    """Standard deviation in pixels of the finest Gaussian that smooths the gradient; 0: none."""
    pyramid: Annotated[int, Field(ge=0, le=8)]
    """Bands of the gradient's Laplacian pyramid that are normalized to equal strength; 0: none."""
    falloff: Annotated[float, Field(ge=0, le=2)]
    """Exponent p of the factor 1 / frequency^p on each frequency of the gradient; 0: no change."""
    decorrelation: Annotated[float, Field(ge=0, le=1)]
    """Share of the gradient whose colours are mixed as they are in photographs; 0: none."""
    total_variation: Annotated[float, Field(ge=0, le=2)]
    """Weight of the penalty on differences between neighbouring pixels; see Penalties."""
    distance: Weight
    """Weight of the penalty on the difference from the source."""
    chroma: Weight
    """Weight of the penalty on the difference from the source in colour alone."""
    upkeep_iterations: Count
    """Steps at full size on a carried frame."""
    upkeep_step_size: Step
    """Step size, as `step_size`, where the dream is mature."""
    entering_iterations: Count
    """Steps in the smaller octaves, which take turns from frame to frame, for immature content."""
    entering_step_size: Step
    """Step size, as `step_size`, where a carried frame is immature; `step_size` itself applies to
    frames with so much new content that every octave is dreamt."""
    settling_frames: Annotated[int, Field(ge=1, le=10_000)]
    """Number of frames in which new content matures."""

    def __call__(
        self, canvas: Canvas, gradient_fn: GradientFn, rng: torch.Generator, *, memory: Memory
    ) -> Dream:
        """Return the dream with its maturity and the number of steps at each size."""
        height, width = canvas.maturity.shape[2:]
        return self.dream(canvas, gradient_fn, rng, self.sizes(height, width))

    def dream(
        self,
        canvas: Canvas,
        gradient_fn: GradientFn,
        rng: torch.Generator,
        sizes: Sequence[tuple[int, int]],
    ) -> Dream:
        """Return the dream. sizes: (height, width) of each octave, the smallest first."""
        image, maturity, strength = canvas.image, canvas.maturity, canvas.step_strength
        full_size = (image.shape[2], image.shape[3])
        new = 1 - maturity
        # The number of steps depends on the amount of new content: all on the first frame, none in
        # a slow pan. Squared, so that half-grown content counts a quarter; the exponent keeps
        # scenes with much motion affordable.
        visible = canvas.visibility
        amount = float(new.square().mean()) * visible**2
        new_steps = int(self.iterations * amount**1.5 + 1e-3)
        counts = self._iterations(len(sizes), new_steps, float(new.mean()), canvas.index)
        if not visible:
            counts = [0] * len(sizes)
        growth = self.step_size if new_steps else self.entering_step_size
        upkeep = self.upkeep_step_size * strength.full
        penalties = Penalties(self.total_variation, self.distance, self.chroma)
        source = image if canvas.picture is None else canvas.picture
        detail = image.new_zeros(*image.shape[:2], *sizes[0])
        work: Counter[tuple[int, int]] = Counter()
        for size, count, factor in zip(sizes, counts, self._factors(sizes), strict=True):
            work[size] += count
            detail = resize(detail, size)
            if count == 0:
                continue
            # Smaller octaves leave mature content unchanged, or its motifs would never settle.
            step = growth * (strength.full if size == sizes[-1] else strength.smaller) * new
            if new_steps or size == sizes[-1]:
                step.add_(upkeep * maturity)
            step.mul_(factor)
            push = partial(penalties, source=resize(source, size)) if penalties.count else None
            base = resize(image, size)
            ascend(
                detail.add_(base),
                gradient_fn,
                resize(step, size).clamp_(min=0),
                count=count,
                jitter=self._jitter(size, sizes[-1]),
                shaping=self._shaping,
                push=push,
                rng=rng,
            )
            detail.sub_(base)
        # Maturity grows by the ratio of these steps to those of a first frame, or at least
        # fast enough to be complete after settling_frames.
        added_maturity = visible * max(new_steps / self.iterations, 1 / self.settling_frames)
        return Dream(
            image=resize(detail, full_size).add_(image).clamp_(0, 1),
            maturity=(maturity + added_maturity).clamp_(max=1),
            work=work,
        )

    def sizes(self, height: int, width: int, smallest_side: int = 1) -> list[tuple[int, int]]:
        """Return (height, width) of each octave in pixels, from the smallest to the largest.

        height, width: the full size, which is the largest octave unless fine_detail is 0.
        smallest_side: octaves with a smaller side are left out.
        """
        if self.octaves == "auto":
            # the smallest octave has as many pixels as that of a preview
            preview = math.sqrt(PREVIEW_PIXELS / (height * width))
            smallest = preview / self.octave_scale ** (PREVIEW_OCTAVES - 1) / self.motif_size
            # The others are evenly spaced, at most slightly farther apart than octave_scale:
            # measured at 400x224, four with a ratio of 1.32 flicker by a sixth less than three with
            # 1.51.
            gaps = max(0, math.ceil(-math.log(smallest, self.octave_scale) - 0.2))
            scales = [smallest ** (1 - k / gaps) for k in range(gaps)] + [1.0]
        else:
            scales = [self.octave_scale**-k for k in reversed(range(self.octaves))]
        sizes = [(max(1, round(height * s)), max(1, round(width * s))) for s in scales]
        sizes = [size for size in sizes if min(size) >= smallest_side]
        if self.octaves == "auto" and self.fine_detail == 0:
            sizes = sizes[: max(1, len(sizes) - self._finer(sizes))]
        return sizes

    def fit(self, height: int, width: int, smallest_side: int) -> Dreamer:
        """Return the same dreamer without the octaves that would be smaller than `smallest_side`.

        height, width, smallest_side: in pixels. Raises UserError if the picture itself is smaller.
        """
        smallest_side = max(smallest_side, self._shaping.least_side)
        if min(height, width) < smallest_side:
            raise UserError(
                f"width, height: must be at least {smallest_side} pixels each for this objective, "
                f"got {width}x{height}; set a larger width, height or dream_width, choose an "
                "earlier layer, or reduce dreamer.smoothing or dreamer.pyramid"
            )
        sizes = self.sizes(height, width)
        fitting = sum(min(size) >= smallest_side for size in sizes)
        if fitting == len(sizes):
            return self
        if self.octaves == "auto":
            return _Fitted(self, smallest_side)
        return dataclasses.replace(self, octaves=fitting)

    @property
    def _shaping(self) -> Shaping:
        return Shaping(self.smoothing, self.pyramid, self.falloff, self.decorrelation)

    def _factors(self, sizes: Sequence[tuple[int, int]]) -> list[float]:
        """Return the factor on the step size in each octave."""
        if self.octaves != "auto":
            return [1.0] * len(sizes)
        last_full = max(0, len(sizes) - self._finer(sizes) - 1)
        return [self.fine_detail ** max(0, k - last_full) for k in range(len(sizes))]

    def _finer(self, sizes: Sequence[tuple[int, int]]) -> int:
        """Return the number of octaves larger than a preview by more than half an octave."""
        return sum(math.prod(size) > PREVIEW_PIXELS * self.octave_scale for size in sizes)

    def _jitter(self, size: tuple[int, int], largest: tuple[int, int]) -> int:
        """Return the maximum shift, in pixels, in an octave of this size."""
        if self.octaves == "auto":
            return round(self.jitter * min(1.0, math.sqrt(math.prod(size) / PREVIEW_PIXELS)))
        return round(self.jitter * size[0] / largest[0])

    def _iterations(
        self, octaves: int, new_steps: int, immature: float, index: int
    ) -> Sequence[int]:
        """Return the number of steps in each octave, the smallest first.

        octaves: their number. new_steps: steps in every octave for new content. immature: immature
        share of the frame. index: of the frame.
        """
        counts = [new_steps] * octaves
        if new_steps < self.iterations:
            counts[-1] += self.upkeep_iterations
            if octaves > 1 and immature > LEAST_NEW:
                # with many octaves, several take turns together: content matures in few frames
                period = min(octaves, PREVIEW_OCTAVES) - 1
                for turn in range(index % period, octaves - 1, period):
                    counts[turn] = max(counts[turn], self.entering_iterations)
        return counts


@dataclasses.dataclass(frozen=True)
class _Fitted:
    """Octaves with octaves="auto", without those that are too small for the network."""

    dreamer: Octaves
    """The same with all octaves."""
    smallest_side: int
    """Smallest side of an octave in pixels."""

    def __call__(
        self, canvas: Canvas, gradient_fn: GradientFn, rng: torch.Generator, *, memory: Memory
    ) -> Dream:
        """Return the dream with its maturity and the number of steps at each size."""
        height, width = canvas.maturity.shape[2:]
        sizes = self.dreamer.sizes(height, width, self.smallest_side)
        return self.dreamer.dream(canvas, gradient_fn, rng, sizes)

    def fit(self, height: int, width: int, smallest_side: int) -> Dreamer:
        """Return the dreamer for pictures of this size; see Octaves.fit."""
        return self.dreamer.fit(height, width, smallest_side)
