"""Common methods of dreaming over a video, implemented for comparison."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TypeAlias

import cv2
import numpy as np
import torch
from torch import Tensor, nn

from benchmarks import harness, scenes
from pipeline.canvas import Canvas, Strength
from pipeline.dreamer import GradientFn
from pipeline.dreamer.octaves import Octaves
from pipeline.frame import Image, Picture, to_image
from pipeline.imaging.sampling import sample

Dreams: TypeAlias = Iterator[tuple[Image, float]]
"""Yields each dream and its gradient steps, weighted by their size's share of the frame."""
OCTAVES, OCTAVE_SCALE, STEP = 4, 1.4, 0.03


class Usual:
    """The gradient of a network's mean squared last activation, as it is usually computed.

    The weights require gradients too, batch norms are not fused into convolutions, and activations
    are channels-first.

    blocks: the network up to that activation. mean, deviation: its input normalisation.
    """

    def __init__(self, blocks: nn.Module, mean: Sequence[float], deviation: Sequence[float]):
        self.blocks = blocks.eval().requires_grad_(True).to(harness.device)
        self.mean, self.deviation = (
            torch.tensor(x, device=harness.device).view(1, 3, 1, 1) for x in (mean, deviation)
        )

    @torch.enable_grad()
    def __call__(self, image: Image) -> tuple[Tensor, Tensor]:
        """Return the gradient, (1, 3, H, W), and the score, a scalar."""
        image = image.detach().clone().requires_grad_()
        seen: Tensor = self.blocks((image - self.mean) / self.deviation)
        score = seen.square().mean()
        score.backward()  # type: ignore[no-untyped-call]
        assert image.grad is not None
        return image.grad, score.detach()


def octaves(iterations: int, count: int = OCTAVES) -> Octaves:
    """Return the usual settings: step size 0.03, no smoothing, all octaves in every frame."""
    return Octaves(
        octaves=count,
        octave_scale=OCTAVE_SCALE,
        motif_size=1,
        fine_detail=1,
        iterations=iterations,
        step_size=STEP,
        jitter=32,
        smoothing=0,
        pyramid=0,
        falloff=0,
        decorrelation=0,
        total_variation=0,
        distance=0,
        chroma=0,
        upkeep_iterations=0,
        upkeep_step_size=0,
        entering_iterations=0,
        entering_step_size=0,
        settling_frames=1,
    )


def canvas(image: Image) -> Canvas:
    """Return the canvas of this image as a first frame."""
    one, nothing = torch.ones((), device=image.device), torch.zeros_like(image[:, :1])
    return Canvas(None, image, one, nothing, None, nothing, Strength.alike(one))


def dreamt(image: Image, gradient_fn: GradientFn, dreamer: Octaves) -> tuple[Image, float]:
    """Return the dream of an image as a first frame, and its gradient steps."""
    rng = torch.Generator().manual_seed(0)
    dream = dreamer(canvas(image), gradient_fn, rng, memory={})
    return dream.image, dream.steps


def alone(pictures: Iterable[Picture], gradient_fn: GradientFn, iterations: int = 10) -> Dreams:
    """Dream each frame separately."""
    for picture in pictures:
        yield dreamt(to_image(picture, harness.device), gradient_fn, octaves(iterations))


def blended(
    pictures: Iterable[Picture], gradient_fn: GradientFn, share: float, iterations: int = 10
) -> Dreams:
    """Dream each frame blended with the last dream, without motion, as pytorch-deepdream does.

    share: of the frame in the blend, in [0, 1].
    """
    last: Image | None = None
    for picture in pictures:
        canvas = to_image(picture, harness.device)
        if last is not None:
            canvas = share * canvas + (1 - share) * last
        last, steps = dreamt(canvas, gradient_fn, octaves(iterations))
        yield last, steps


def warped_blend(
    pictures: Iterable[Picture], gradient_fn: GradientFn, iterations: int = 5
) -> Dreams:
    """Dream each frame blended with the last dream, warped by the negated forward flow.

    After deepdream-video-pytorch (2026): the warped dream has a share of one half where the warped
    picture matches the new one, less elsewhere.
    """
    last: Image | None = None
    before: Picture | None = None
    flow = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    for picture in pictures:
        canvas = to_image(picture, harness.device)
        if last is not None and before is not None:
            then, now = (cv2.cvtColor(p, cv2.COLOR_RGB2GRAY) for p in (before, picture))
            forward = flow.calc(then, now, np.zeros((*now.shape, 2), np.float32))
            where = scenes.positions(-np.asarray(forward, np.float32)).to(harness.device)
            warped = sample(to_image(before, harness.device), where)
            error = (warped - canvas).square().mean(dim=1, keepdim=True)
            mask = 0.5 * torch.exp(-error / 0.005)
            canvas = (1 - mask) * canvas + mask * sample(last, where).clamp(0, 1)
        last, steps = dreamt(canvas, gradient_fn, octaves(iterations))
        before = picture
        yield last, steps
