"""Means of an image in a grid of cells, carried along with it."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from pipeline.imaging.sampling import Border, pixel_grid, sample


def cell_means(image: Tensor, size: tuple[int, int]) -> Tensor:
    """Return the means of an image (1, C, H, W) in a grid of `size` (h, w) cells: (1, C, h, w)."""
    return F.adaptive_avg_pool2d(image, size)


def sample_cells(cells: Tensor, positions: Tensor, border: Border) -> Tensor:
    """Return cells (1, C, h, w) sampled at the positions of the pixels of their image.

    positions: (1, H, W, 2), in pixels of the image from its centre.
    """
    height, width = positions.shape[1:3]
    h, w = cells.shape[2:]
    # means of displacements, as cells of unequal size are not centred on the places of a grid
    moves = positions - pixel_grid(height, width, positions.device)
    x, y = cell_means(moves.permute(0, 3, 1, 2), (h, w)).unbind(1)
    coarse = torch.stack([x * (w / width), y * (h / height)], dim=-1)
    return sample(cells, coarse.add_(pixel_grid(h, w, positions.device)), border)
