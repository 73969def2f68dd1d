"""Random views of a picture, so that the optimisation finds motifs instead of noise.

Transformation robustness, Olah, Mordvintsev, Schubert 2017, "Feature Visualization"; crops of very
different sizes and added noise as in Fel et al. 2023 (MACO).
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
    """Random views of an image: rotated crops with noise, at the size of the network's input."""

    smallest: Share
    """Smallest crop, as a share of the picture's sides."""
    largest: Share
    """Largest crop, as a share of the picture's sides; the picture is mirrored at its edges."""
    degrees: Annotated[float, Field(ge=0, le=180)]
    """Largest rotation in either direction, in degrees."""
    noise: Annotated[float, Field(ge=0, le=1)]
    """Standard deviation of the noise added to each value, for images in [0, 1]."""
    side: Annotated[int, Field(ge=16, le=10_000)]
    """Shorter side of a view in pixels, as the network sees it."""

    def __post_init__(self) -> None:
        if self.smallest > self.largest:
            raise ValueError(
                f"smallest must be at most largest, got {self.smallest:g} and {self.largest:g}"
            )

    def __call__(self, image: Image, rng: torch.Generator) -> Image:
        """Return a random view (1, 3, h, w) of the image (1, 3, H, W); differentiable."""
        height, width = image.shape[2:]
        zoom, rotation, right, down = torch.rand(4, generator=rng).tolist()
        share = self.smallest + zoom * (self.largest - self.smallest)
        angle = math.radians(self.degrees * (2 * rotation - 1))
        margin = abs(1 - share)
        cos, sin = share * math.cos(angle), share * math.sin(angle)
        # in the coordinates of affine_grid: -1 to 1 on both axes
        matrix = image.new_tensor(
            [
                [cos, -sin * height / width, margin * (2 * right - 1)],
                [sin * width / height, cos, margin * (2 * down - 1)],
            ]
        )
        grid = F.affine_grid(matrix[None], [1, 3, *self.size(height, width)], align_corners=False)
        # bilinear: a view is never carried, so it needs no cubic sampling, whose gradient is slow
        view = F.grid_sample(
            image, grid, mode="bilinear", padding_mode="reflection", align_corners=False
        )
        return view + self._noise_like(view, rng)

    def size(self, height: int, width: int) -> tuple[int, int]:
        """Return the (height, width) of a view in pixels."""
        scale = self.side / min(height, width)
        return round(height * scale), round(width * scale)

    def _noise_like(self, view: Tensor, rng: torch.Generator) -> Tensor:
        # drawn on the CPU, so that a seed gives the same noise on every device
        return self.noise * torch.randn(view.shape, generator=rng).to(view.device)
