"""Seams between frame ranges within a shot: how much the dreams on both sides differ."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from pipeline.errors import UserError, printable
from pipeline.frame_range import FrameRange
from pipeline.imaging.metrics import flicker
from pipeline.storage.atomic import atomic_write, disk_errors

Seam = dict[str, float]
"""frame: the first after the seam. difference: 0 if the dreams are the same, 1 if unrelated."""
EDGES = "edge-*"
"""Pattern of the files with a dream layer: `edge-N` has that of the frame before frame N."""


def write_edge(layer: Tensor, frame: int, folder: Path) -> None:
    """Write the dream layer of the frame before `frame`, in half precision. Raises UserError.

    layer: (1, 3, H, W).
    """
    path = _edge(folder, frame)
    with disk_errors(folder), atomic_write(path) as temporary, temporary.open("wb") as file:
        np.save(file, layer.half().cpu().numpy())


def measure_seams(works: Sequence[Path], ranges: Sequence[FrameRange]) -> list[Seam]:
    """Return the seams, in order.

    The frame before a seam is dreamt twice: by the range that ends there and in the warm-up of the
    next range. The difference is the flicker between these two dream layers. works: work folders of
    the ranges. Raises UserError if a dream layer is missing.
    """
    seams = []
    for (before, _), (work, span) in pairwise(zip(works, ranges, strict=True)):
        if span.run_up:
            one, other = (_read(_edge(folder, span.first)) for folder in (before, work))
            difference = float(flicker(one, other, torch.ones_like(one[:, :1])))
            seams.append({"frame": span.first, "difference": round(difference, 5)})
    return seams


def _edge(folder: Path, frame: int) -> Path:
    return folder / f"edge-{frame:08d}"


def _read(path: Path) -> Tensor:
    try:
        return torch.from_numpy(np.load(path)).float()
    except (OSError, ValueError) as error:
        raise UserError(
            "shots: must contain the dream layers at both ends of each part, got no readable "
            f"{printable(path)}; remove {printable(path.parent.parent)} and run dreamreel shots "
            "again"
        ) from error
