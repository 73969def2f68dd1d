"""Random views of a picture: what holds in all of them is seen, not hidden in single pixels.

Olah, Mordvintsev, Schubert 2017, "Feature Visualization", on transformation robustness; cut-outs
of very different sizes and noise as Fel et al. 2023 (MACO).
"""

from __future__ import annotations

import math
from typing import Annotated

import torch
import torch.nn.functional as F
from pydantic import Field
from pydantic.dataclasses import dataclass
from torch import Tensor

from pipeline.frame import Image

Share = Annotated[float, Field(gt=0, le=2)]


@dataclass(frozen=True)
class Views:
    """Random views of an image: a part of it, turned, noisy, at the size of the network's input."""

    smallest: Share
    """The smallest side of a view, as a share of the picture's."""
    largest: Share
    """The largest side of a view, as a share of the picture's; beyond its edges lies its mirror
    image."""
    degrees: Annotated[float, Field(ge=0, le=180)]
    """By which it is turned at most, either way."""
    noise: Annotated[float, Field(ge=0, le=1)]
    """Standard deviation of what is added to each value in [0, 1]."""
    side: Annotated[int, Field(ge=16, le=10_000)]
    """Pixels, the shorter side of a view as the network sees it."""

    def __post_init__(self) -> None:
        if self.smallest > self.largest:
            raise ValueError(
                f"smallest must be at most largest, got {self.smallest:g} and {self.largest:g}"
            )

    def __call__(self, image: Image, rng: torch.Generator) -> Image:
        """Return a view, (1, 3, h, w), of the image (1, 3, H, W); differentiable."""
        height, width = image.shape[2:]
        zoom, turn, right, down = torch.rand(4, generator=rng).tolist()
        share = self.smallest + zoom * (self.largest - self.smallest)
        angle = math.radians(self.degrees * (2 * turn - 1))
        margin = abs(1 - share)
        cos, sin = share * math.cos(angle), share * math.sin(angle)
        # in affine_grid's units, where each side reaches from -1 to 1
        matrix = image.new_tensor(
            [
                [cos, -sin * height / width, margin * (2 * right - 1)],
                [sin * width / height, cos, margin * (2 * down - 1)],
            ]
        )
        grid = F.affine_grid(matrix[None], [1, 3, *self.size(height, width)], align_corners=False)
        # not warp.sample: what is never carried needs no cubic, whose way back is slow
        view = F.grid_sample(
            image, grid, mode="bilinear", padding_mode="reflection", align_corners=False
        )
        return view + self._noise_like(view, rng)

    def size(self, height: int, width: int) -> tuple[int, int]:
        """Return height and width of a view in pixels."""
        scale = self.side / min(height, width)
        return round(height * scale), round(width * scale)

    def _noise_like(self, view: Tensor, rng: torch.Generator) -> Tensor:
        # drawn on the CPU, so that a seed means the same on every device
        return self.noise * torch.randn(view.shape, generator=rng).to(view.device)
