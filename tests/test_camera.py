"""pipeline.camera: a map from where I look now to where that was."""

from __future__ import annotations

import pytest
import torch

from pipeline.camera import Camera
from pipeline.camera.still import Still
from pipeline.warp import pixel_grid
from tests.conftest import CONF, part

NAMES = sorted(path.stem for path in (CONF / "camera").glob("*.yaml"))
CPU = torch.device("cpu")


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("time", [0.0, 3.7, 3600.0])
def test_every_camera_maps_positions_to_positions(name: str, time: float) -> None:
    camera: Camera = part("camera", name)
    grid = pixel_grid(20, 30, CPU)
    given = grid.clone()
    before = camera(given, time, 25.0)
    assert before.shape == grid.shape
    assert before.dtype == grid.dtype
    assert bool(before.isfinite().all())
    assert torch.equal(given, grid)  # they belong to the caller


@pytest.mark.parametrize("name", NAMES)
def test_every_camera_does_the_same_at_the_same_time(name: str) -> None:
    camera: Camera = part("camera", name)
    grid = pixel_grid(20, 30, CPU)
    assert torch.equal(camera(grid, 1.5, 25.0), camera(grid, 1.5, 25.0))


def test_a_still_camera_looks_where_it_looked() -> None:
    moved = pixel_grid(20, 30, CPU) + torch.tensor([2.5, -1.0])
    assert torch.equal(Still()(moved, 1.0, 25.0), moved)
