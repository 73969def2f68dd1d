"""pipeline.camera: a map from where I look now to where that was."""

from __future__ import annotations

import math

import cv2
import numpy as np
import pytest
import torch
from helpers.scenes import texture
from helpers.stages import CONF, part

from pipeline.camera import Camera
from pipeline.camera.sequence import Sequence
from pipeline.camera.still import Still
from pipeline.frame import to_image
from pipeline.imaging.metrics import blur
from pipeline.imaging.sampling import pixel_grid, sample

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


def after_a_second(camera: Camera, point: tuple[float, float], rate: int) -> list[float]:
    """Where what is seen at this point, pixels from the centre, is seen a second later."""
    # A camera maps now -> before, so what was at q is found by walking a second back from p.
    # These moves are affine: three points a frame give the map, and its inverse walks forward.
    height, width = 200, 400
    there = torch.tensor([[0.0, 0.0], [100.0, 0.0], [0.0, 100.0]], dtype=torch.float64)
    grid = torch.zeros(1, height, width, 2, dtype=torch.float64)
    grid[0, 0, :3] = there
    for frame in range(rate):
        grid = camera(grid, frame / rate, float(rate))
    origin, right, down = grid[0, 0, :3]
    matrix = torch.stack([right - origin, down - origin], dim=1) / 100
    seen: list[float] = torch.linalg.solve(
        matrix, torch.tensor(point, dtype=torch.float64) - origin
    ).tolist()
    return seen


@pytest.mark.parametrize("rate", [24, 30, 60])
def test_a_speed_is_per_second_whatever_the_rate(rate: int) -> None:
    zoom = part("camera", "zoom", zoom_per_second=1.5)
    assert after_a_second(zoom, (40.0, -20.0), rate) == pytest.approx([60.0, -30.0])
    # clockwise, with y pointing down: what was on the right is at the bottom a quarter turn later
    spiral = part("camera", "spiral", zoom_per_second=2.0, degrees_per_second=90)
    assert after_a_second(spiral, (40.0, 0.0), rate) == pytest.approx([0.0, 80.0])
    # the picture of `after_a_second` is 400x200: the camera goes right, so things go left
    pan = part("camera", "pan", right_per_second=0.25, down_per_second=-0.1)
    assert after_a_second(pan, (0.0, 0.0), rate) == pytest.approx([-100.0, 20.0])


@pytest.mark.parametrize("point", [(40.0, -20.0), (0.0, 0.0), (-90.0, 30.0)])
def test_a_frame_of_deforum_moves_as_its_matrices_do(point: tuple[float, float]) -> None:
    """Deforum shifts the picture, then turns and enlarges it by OpenCV's rotation matrix."""
    camera = part("camera", "deforum", zoom=1.1, angle=15, translation_x=10, translation_y=-4,
                  width=200)  # fmt: skip
    matrix = cv2.getRotationMatrix2D((0, 0), 15, 1.1)
    # `after_a_second` has a picture 400 wide: twice as many pixels as the shifts are given for
    shifted = np.array([point[0] + 20, point[1] - 8, 1])
    expected = list(matrix @ shifted)
    assert after_a_second(camera, point, 1) == pytest.approx(expected)


@pytest.mark.parametrize("rate", [24, 60])
def test_a_tilt_turns_by_its_degrees_whatever_the_rate(rate: int) -> None:
    # the ray that met the middle has turned by ten degrees: f * tan(10 degrees) further down
    tilt = part("camera", "tilt", up_per_second=10, right_per_second=0, field_of_view=90)
    grid = torch.zeros(1, 200, 400, 2, dtype=torch.float64)
    for frame in range(rate):
        grid = tilt(grid, frame / rate, float(rate))
    assert grid[0, 0, 0].tolist() == pytest.approx([0, -200 * math.tan(math.radians(10))])
    # looking right, what was on the right comes to the middle
    grid = torch.zeros(1, 200, 400, 2, dtype=torch.float64)
    pan = part("camera", "tilt", up_per_second=0, right_per_second=10, field_of_view=90)
    assert pan(grid, 0.0, 1.0)[0, 0, 0].tolist() == pytest.approx(
        [200 * math.tan(math.radians(10)), 0]
    )


def test_a_tilt_never_looks_behind_itself() -> None:
    wild = part("camera", "tilt", up_per_second=2000, right_per_second=0, field_of_view=150)
    assert bool(wild(pixel_grid(20, 30, CPU), 0.0, 24.0).isfinite().all())


def test_a_lens_turns_its_centre_and_leaves_what_is_far() -> None:
    lens = part("camera", "twist", degrees_per_second=90, bulge_per_second=1, radius=0.1)
    grid = torch.zeros(1, 200, 400, 2, dtype=torch.float64)
    grid[0, 0, 0], grid[0, 0, 1] = torch.tensor([0.1, 0.0]), torch.tensor([150.0, 0.0])
    before = lens(grid, 0.0, 1.0)[0, 0]
    # clockwise: what is on the right was at the top
    assert before[0].tolist() == pytest.approx([0, -0.1], abs=1e-4)
    assert before[1].tolist() == pytest.approx([150, 0], abs=1e-6)
    swelling = part("camera", "twist", degrees_per_second=0, bulge_per_second=2, radius=0.1)
    assert swelling(grid, 0.0, 1.0)[0, 0, 0].tolist() == pytest.approx([0.05, 0], abs=1e-4)


def test_moves_are_made_one_behind_the_other() -> None:
    zoom, pan = part("camera", "zoom"), part("camera", "pan")
    grid = pixel_grid(20, 30, CPU)
    both = Sequence(moves={"zoom": zoom, "pan": pan})
    assert torch.equal(both(grid, 1.0, 25.0), pan(zoom(grid, 1.0, 25.0), 1.0, 25.0))
    assert torch.equal(Sequence(moves={})(grid, 1.0, 25.0), grid)


def test_a_zoom_keeps_its_centre() -> None:
    zoom = part("camera", "spiral", centre=[0.75, 0.5])
    assert after_a_second(zoom, (100.0, 0.0), 25) == pytest.approx([100.0, 0.0])


def test_a_zoom_in_never_looks_outside() -> None:
    grid = pixel_grid(20, 30, CPU)
    before = part("camera", "zoom", zoom_per_second=3.0)(grid, 0.0, 25.0)
    assert float(before[..., 0].abs().max()) < float(grid[..., 0].abs().max())
    assert float(before[..., 1].abs().max()) < float(grid[..., 1].abs().max())


@pytest.mark.parametrize("rate", [24, 30, 60])
def test_a_picture_carried_for_a_second_has_grown_as_asked(rate: int) -> None:
    # Carried frame by frame, sampled as in a render, against one sampling at the whole zoom. Soft,
    # so that what sixty samplings cost in sharpness does not count.
    picture = blur(to_image(texture(96, 160, seed=3), CPU), 4)
    grid = pixel_grid(96, 160, CPU)
    zoom = part("camera", "zoom", zoom_per_second=1.2)
    carried = picture
    for frame in range(rate):
        carried = sample(carried, zoom(grid, frame / rate, float(rate)))

    def error(factor: float) -> float:
        return float((carried - sample(picture, grid / factor)).square().mean())

    # The factor that fits best, to half a percent: the demand is within two.
    best = min((1.14 + 0.005 * i for i in range(25)), key=error)
    assert best == pytest.approx(1.2, abs=0.006)
