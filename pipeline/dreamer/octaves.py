"""Gradient ascent over octaves, the smallest first, and only as much of it as a frame needs.

Mordvintsev, Olah, Tyka 2015, google/deepdream: what grew in a smaller octave is carried up as
detail, `x = base + upsampled detail`, so that the source stays sharp.
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from typing import Annotated

import torch
import torch.nn.functional as F
from pydantic import Field
from pydantic.dataclasses import dataclass
from torch import Tensor

from pipeline.canvas import Canvas
from pipeline.dreamer import Dream, GradientFn
from pipeline.dreamer.gradient_filters import TINY, Shaping, deviation
from pipeline.dreamer.regularizers import Penalties
from pipeline.errors import UserError
from pipeline.frame import Image, Memory

Count = Annotated[int, Field(ge=0, le=10_000)]
Step = Annotated[float, Field(ge=0, le=1)]
Weight = Annotated[float, Field(ge=0, le=50)]

LEAST_NEW = 0.002
"""Share of the frame below which what is new is noise of the flow, not worth an octave."""


@dataclass(frozen=True)
class Octaves:
    """Gradient ascent over octaves: full work where nothing was dreamt yet, upkeep elsewhere."""

    octaves: Annotated[int, Field(ge=1, le=20)]
    """How many sizes."""
    octave_scale: Annotated[float, Field(gt=1, le=4)]
    """Factor by which each is smaller than the next."""
    iterations: Annotated[int, Field(ge=1, le=10_000)]
    """Steps in each octave where all is new: in the first frame, after a cut."""
    step_size: Step
    """How far a step goes, as the deviation of what it adds, in [0, 1] of the picture's range."""
    jitter: Count
    """Pixels that the image is rolled by at most before each step, so that the network's grid
    leaves no pattern; less in smaller octaves."""
    smoothing: Annotated[float, Field(ge=0, le=4)]
    """Pixels, deviation of the finest Gaussian that a gradient is softened with; 0 = none."""
    pyramid: Annotated[int, Field(ge=0, le=8)]
    """Bands of a Laplacian pyramid of the gradient that are brought to one strength; 0 = none."""
    falloff: Annotated[float, Field(ge=0, le=2)]
    """Each wave of the gradient is multiplied by 1 / frequency to this power; 0 = not at all."""
    decorrelation: Annotated[float, Field(ge=0, le=1)]
    """Share of the gradient's colours that is mixed as in photographs; 0 = none."""
    total_variation: Annotated[float, Field(ge=0, le=2)]
    """Weight of the penalty on differences between neighbours; see Penalties."""
    distance: Weight
    """Weight of the penalty on the distance from the source."""
    chroma: Weight
    """Weight of the penalty on the distance in colour."""
    upkeep_iterations: Count
    """Steps in the full-size octave on a carried frame."""
    upkeep_step_size: Step
    """How far those go where the dream is mature."""
    entering_iterations: Count
    """Steps in one smaller octave of a carried frame, in turns, where it is not mature."""
    entering_step_size: Step
    """How far steps of any size go there."""
    settling_frames: Annotated[int, Field(ge=1, le=10_000)]
    """Frames that a dream takes to mature."""

    def __call__(
        self, canvas: Canvas, gradient_fn: GradientFn, rng: torch.Generator, *, memory: Memory
    ) -> Dream:
        """Return the dream, and how many steps it took."""
        image, maturity, strength = canvas.image, canvas.maturity, canvas.step_strength
        sizes = self.sizes(*image.shape[2:])
        new = 1 - maturity
        # The work follows what is new: all of it on the first frame, none in a slow pan. Squared,
        # what is half grown counts a quarter; the power keeps a busy street affordable.
        new_steps = int(self.iterations * float(new.square().mean()) ** 1.5 + 1e-3)
        counts = self._iterations(new_steps, float(new.mean()), canvas.index)
        growth = self.step_size if new_steps else self.entering_step_size
        upkeep = self.upkeep_step_size * strength.full
        penalties = Penalties(self.total_variation, self.distance, self.chroma)
        source = image if canvas.picture is None else canvas.picture
        detail = image.new_zeros(*image.shape[:2], *sizes[0])
        work: Counter[tuple[int, int]] = Counter()
        for size, count in zip(sizes, counts, strict=True):
            work[size] += count
            detail = resize(detail, size)
            if count == 0:
                continue
            jitter = round(self.jitter * size[0] / sizes[-1][0])
            # Smaller octaves leave what is mature as it is, or its motifs would never settle.
            step = growth * (strength.full if size == sizes[-1] else strength.smaller) * new
            if new_steps or size == sizes[-1]:
                step.add_(upkeep * maturity)
            push = partial(penalties, source=resize(source, size)) if penalties.count else None
            base = resize(image, size)
            _ascend(
                detail.add_(base),
                gradient_fn,
                resize(step, size).clamp_(min=0),
                count=count,
                jitter=jitter,
                shaping=self._shaping,
                push=push,
                rng=rng,
            )
            detail.sub_(base)
        # What was done for the new is a share of what the first frame gets: so much it has grown.
        grown = max(new_steps / self.iterations, 1 / self.settling_frames)
        return Dream(
            image=detail.add_(image).clamp_(0, 1),
            maturity=(maturity + grown).clamp_(max=1),
            work=work,
        )

    def sizes(self, height: int, width: int) -> list[tuple[int, int]]:
        """Return height and width of each octave in pixels, the smallest first, the frame's own
        last.
        """
        shrunk = [self.octave_scale**k for k in reversed(range(self.octaves))]
        return [(max(1, round(height / s)), max(1, round(width / s))) for s in shrunk]

    def fit(self, height: int, width: int, smallest_side: int) -> Octaves:
        """Return the same with as many octaves as fit between the picture's size and
        smallest_side."""
        short = min(height, width)
        smallest_side = max(smallest_side, self._shaping.least_side)
        if short < smallest_side:
            raise UserError(
                f"objective.layers: need pictures of at least {smallest_side} pixels a side, got "
                f"{width}x{height}; set width or height, or choose an earlier layer or less "
                "dreamer.smoothing or dreamer.pyramid"
            )
        fitting = [
            o
            for o in range(1, self.octaves + 1)
            if round(short / self.octave_scale ** (o - 1)) >= smallest_side
        ]
        if fitting[-1] == self.octaves:
            return self
        return dataclasses.replace(self, octaves=fitting[-1])

    @property
    def _shaping(self) -> Shaping:
        return Shaping(self.smoothing, self.pyramid, self.falloff, self.decorrelation)

    def _iterations(self, new_steps: int, immature: float, index: int) -> Sequence[int]:
        """Steps in each octave, the smallest first.

        new_steps: what each gets for what is new. immature: share of the frame that has yet to
        grow.
        """
        counts = [new_steps] * self.octaves
        if new_steps < self.iterations:
            counts[-1] += self.upkeep_iterations
            if self.octaves > 1 and immature > LEAST_NEW:
                turn = index % (self.octaves - 1)
                counts[turn] = max(counts[turn], self.entering_iterations)
        return counts


def _ascend(
    image: Image,
    gradient_fn: GradientFn,
    step: Tensor,
    *,
    count: int,
    jitter: int,
    shaping: Shaping,
    push: Callable[[Image], Tensor] | None,
    rng: torch.Generator,
) -> None:
    """Take the image `count` steps up the gradient, in place: at 3840x2160 a copy is 100 MB.

    step: (1, 1, H, W), how far to go at each pixel. The gradient is divided by its deviation over
    the whole frame, so that a step means the same in every layer, octave and picture. push: what
    penalties add to that.
    """
    for _ in range(count):
        dy, dx = torch.randint(-jitter, jitter + 1, (2,), generator=rng).tolist()
        gradient, _ = gradient_fn(roll(image, dy, dx))
        gradient = shaping(roll(gradient, -dy, -dx))
        # A flat picture may have no gradient at all; then it stays as it is.
        pushed = None if push is None else push(image)
        image.addcmul_(gradient, step / (deviation(gradient) + TINY))
        if pushed is not None:
            image.addcmul_(pushed, step)
        image.clamp_(0, 1)


def roll(image: Tensor, down: int, right: int) -> Tensor:
    """Return (1, C, H, W) moved by so many pixels; what leaves at one edge comes in at the
    other."""
    if image.device.type != "cpu":
        return torch.roll(image, (down, right), dims=(2, 3))
    # there torch rolls first the rows and then the columns of all, which costs 2 % of a step
    height, width = image.shape[2:]
    down, right = down % height, right % width
    moved = torch.empty_like(image)
    for to, there in (
        (slice(down), slice(height - down, None)),
        (slice(down, None), slice(height - down)),
    ):
        moved[:, :, to, :right] = image[:, :, there, width - right :]
        moved[:, :, to, right:] = image[:, :, there, : width - right]
    return moved


def resize(image: Tensor, size: tuple[int, int]) -> Tensor:
    """Return (1, C, h, w) brought to `size` (height, width), bicubic, without aliasing."""
    if image.shape[2:] == size:
        return image
    return F.interpolate(image, size, mode="bicubic", align_corners=False, antialias=True)
