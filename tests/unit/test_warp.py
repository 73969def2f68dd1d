"""pipeline.warp: the dream layer goes where the picture went, and nowhere else."""

from __future__ import annotations

import math

import cv2
import numpy as np
import pytest
import torch
from helpers.scenes import texture
from pydantic import ValidationError
from torch import Tensor

from pipeline.camera.still import Still
from pipeline.canvas import Canvas
from pipeline.frame import Frame, Motion, to_image
from pipeline.imaging.sampling import pixel_grid, sample
from pipeline.state import State
from pipeline.warp import Warp

CPU = torch.device("cpu")
HEIGHT, WIDTH = 40, 56
GREY = np.full((HEIGHT, WIDTH, 3), 128, np.uint8)


def wave(dx: float = 0, dy: float = 0) -> Tensor:
    """A smooth layer moved right and down by (dx, dy) pixels, (1, 3, H, W) in [-0.2, 0.2].

    Its waves are 16 and 20 pixels long: finer than any shape that a dream is judged by.
    """
    y = torch.arange(HEIGHT, dtype=torch.float32)[:, None] - dy
    x = torch.arange(WIDTH, dtype=torch.float32)[None] - dx
    waves = 0.1 * torch.sin(2 * math.pi * x / 16) + 0.1 * torch.cos(2 * math.pi * y / 20)
    return torch.stack([waves, -waves, waves / 2])[None]


def motion(dx: float, dy: float, confidence: float = 1) -> Motion:
    """The same motion everywhere; content that moved right was found at the left."""
    flow = np.broadcast_to(np.float32([-dx, -dy]), (HEIGHT, WIDTH, 2)).copy()
    return Motion(flow, np.full((HEIGHT, WIDTH), confidence, np.float32))


def state(layer: Tensor, maturity: float = 1.0) -> State:
    """A state whose dream is this layer over a grey picture."""
    return State(
        1, GREY, to_image(GREY, CPU) + layer, torch.full((1, 1, HEIGHT, WIDTH), float(maturity))
    )


def carried(frame: Frame, before: State, persistence: float = 1, least_kept: float = 0) -> Canvas:
    warp = Warp(
        persistence=persistence,
        least_kept=least_kept,
        border="reflect",
        transitions=False,
        renewal_per_second=0,
    )
    return warp(frame, before, Still(), rate=25, device=CPU)


def layer_of(canvas: Canvas) -> Tensor:
    return canvas.image - canvas.picture


def frame(moved: Motion | None = None, *, cut: bool = False) -> Frame:
    return Frame(index=1, time=0.04, picture=GREY, motion=moved, cut=cut)


def inner(image: Tensor) -> Tensor:
    """Without the 8 pixels at each edge, where content came from outside the frame."""
    return image[..., 8:-8, 8:-8]


def test_no_motion_at_all_leaves_the_layer_as_it_is() -> None:
    # 5e-6 is what the inverse filter of the spline leaves out.
    canvas = carried(frame(motion(0, 0)), state(wave()))
    torch.testing.assert_close(layer_of(canvas), wave(), atol=5e-6, rtol=0)


def test_positions_of_a_large_picture_are_exact_enough_to_stand_still() -> None:
    image = to_image(texture(272, 1920, seed=0), CPU)
    # float32 leaves 1e-4 of a pixel at 1920; half an 8-bit step, 2e-3, would be seen after a while.
    stayed = sample(image, pixel_grid(272, 1920, CPU))
    torch.testing.assert_close(stayed, image, atol=1e-4, rtol=0)


def test_without_flow_the_layer_is_carried_unmoved() -> None:
    canvas = carried(frame(None), state(wave(), maturity=0.5))
    torch.testing.assert_close(layer_of(canvas), wave(), atol=5e-6, rtol=0)
    torch.testing.assert_close(canvas.maturity, torch.full((1, 1, HEIGHT, WIDTH), 0.5))


@pytest.mark.parametrize(("dx", "dy"), [(3, 0), (0, -2), (-5, 4)])
def test_whole_pixels_carry_the_layer_exactly(dx: int, dy: int) -> None:
    canvas = carried(frame(motion(dx, dy)), state(wave()))
    torch.testing.assert_close(inner(layer_of(canvas)), inner(wave(dx, dy)), atol=5e-6, rtol=0)


@pytest.mark.parametrize(
    ("dx", "dy", "error"),
    # A spline's error for waves of 16 pixels is 1e-4 of them. Nothing carried would be 20 % off.
    [(0.5, 0, 1e-4), (0.5, 0.5, 1e-4), (-2.3, 1.7, 1e-4)],
)
def test_fractions_of_a_pixel_carry_it_too(dx: float, dy: float, error: float) -> None:
    canvas = carried(frame(motion(dx, dy)), state(wave()))
    torch.testing.assert_close(inner(layer_of(canvas)), inner(wave(dx, dy)), atol=error, rtol=0)


def test_fine_detail_survives_half_a_pixel() -> None:
    x = torch.arange(WIDTH, dtype=torch.float32)
    fine = (0.2 * torch.sin(2 * math.pi * x / 6)).expand(1, 3, HEIGHT, WIDTH)
    moved = inner(layer_of(carried(frame(motion(0.5, 0)), state(fine))))
    # Of a wave of 6 pixels bilinear sampling would leave 87 % a frame; cubic convolution makes it
    # 103 %.
    assert float(moved.std() / inner(fine).std()) == pytest.approx(1, abs=0.01)


def test_the_layer_is_carried_and_the_picture_is_not() -> None:
    now = Frame(index=1, time=0.04, picture=texture(HEIGHT, WIDTH, 3), motion=motion(3, 0))
    canvas = carried(now, state(torch.zeros(1, 3, HEIGHT, WIDTH)))
    assert now.picture is not None
    assert torch.equal(canvas.image, to_image(now.picture, CPU))


def test_a_cut_carries_nothing() -> None:
    canvas = carried(frame(cut=True), state(wave()))
    assert torch.equal(canvas.image, to_image(GREY, CPU))
    assert canvas.positions is None
    assert float(canvas.maturity.max()) == 0
    assert float(canvas.confidence.max()) == 0


def test_the_first_frame_carries_nothing() -> None:
    canvas = carried(frame(), State())
    assert torch.equal(canvas.image, canvas.picture)
    assert canvas.positions is None


def test_where_the_flow_is_not_trusted_nothing_is_carried() -> None:
    split = motion(0, 0)
    split.confidence[:, : WIDTH // 2] = 0
    canvas = carried(frame(split), state(wave()))
    left, right = layer_of(canvas).split(WIDTH // 2, dim=3)
    assert float(left.abs().max()) == 0
    torch.testing.assert_close(right, wave()[..., WIDTH // 2 :], atol=5e-6, rtol=0)
    assert float(canvas.maturity[..., : WIDTH // 2].max()) == 0
    torch.testing.assert_close(canvas.maturity[..., WIDTH // 2 :].min(), torch.tensor(1.0))


def test_half_trusted_is_half_carried() -> None:
    canvas = carried(frame(motion(0, 0, confidence=0.5)), state(wave()))
    torch.testing.assert_close(layer_of(canvas), wave() / 2, atol=5e-6, rtol=0)


def test_of_what_is_not_trusted_some_can_be_kept() -> None:
    """As little trusted as it may be, and as trusted as it is; the confidence itself is told."""
    for confidence, kept in ((0, 0.3), (0.2, 0.3), (0.6, 0.6), (1, 1)):
        canvas = carried(frame(motion(0, 0, confidence)), state(wave()), least_kept=0.3)
        torch.testing.assert_close(layer_of(canvas), wave() * kept, atol=5e-6, rtol=0)
        torch.testing.assert_close(canvas.maturity, torch.full_like(canvas.maturity, kept))
        assert float(canvas.confidence.mean()) == pytest.approx(confidence)
    assert float(layer_of(carried(frame(cut=True), state(wave()), least_kept=1)).abs().max()) == 0


def test_a_renewed_dream_leaves_with_its_maturity() -> None:
    warp = Warp(
        persistence=1, least_kept=0, renewal_per_second=5, border="reflect", transitions=False
    )
    still = warp(frame(motion(0, 0)), state(wave()), Still(), rate=25, device=CPU)
    assert float(still.kept.mean()) == pytest.approx(math.exp(-0.2))
    assert float(still.maturity.mean()) == pytest.approx(math.exp(-0.4))
    assert torch.allclose(layer_of(still), math.exp(-0.2) * wave(), atol=1e-4)


def test_the_layer_fades_by_its_persistence_and_its_maturity_does_not() -> None:
    canvas = carried(frame(motion(0, 0)), state(wave()), persistence=0.75)
    torch.testing.assert_close(layer_of(canvas), 0.75 * wave(), atol=5e-6, rtol=0)
    torch.testing.assert_close(canvas.maturity.min(), torch.tensor(1.0))


def test_the_canvas_stays_in_the_range_of_a_picture() -> None:
    white = Frame(index=1, time=0.04, picture=np.full_like(GREY, 255))
    canvas = carried(white, state(wave()))
    assert float(canvas.image.max()) == 1
    # A layer that is darker than white still shows.
    assert float(canvas.image.min()) < 0.85


def test_positions_are_pixels_from_the_centre_x_first() -> None:
    grid = pixel_grid(4, 6, CPU)
    assert grid.shape == (1, 4, 6, 2)
    assert grid[0, 0, 0].tolist() == [-2.5, -1.5]
    assert grid[0, 3, 5].tolist() == [2.5, 1.5]
    assert grid[0, 0, 1].tolist() == [-1.5, -1.5]


def test_a_camera_sees_the_positions_that_the_flow_has_moved() -> None:
    class Halves:
        """Looks twice as near, and remembers when it was asked."""

        def __call__(self, positions: Tensor, time: float, rate: float) -> Tensor:
            self.asked = time, rate
            return positions / 2

    camera = Halves()
    warp = Warp(
        persistence=1, least_kept=0, border="reflect", transitions=False, renewal_per_second=0
    )
    canvas = warp(frame(motion(4, -6)), state(wave()), camera, rate=25, device=CPU)
    expected = (pixel_grid(HEIGHT, WIDTH, CPU) + torch.tensor([-4.0, 6.0])) / 2
    assert canvas.positions is not None
    torch.testing.assert_close(canvas.positions, expected)
    torch.testing.assert_close(inner(layer_of(canvas)), inner(sample(wave(), expected)))
    assert camera.asked == (0.04, 25)


def test_beyond_the_edge_lies_a_mirror_and_never_black() -> None:
    white = torch.ones(1, 3, HEIGHT, WIDTH)
    # Twice the picture's size outside: further than any camera looks.
    far = sample(white, pixel_grid(HEIGHT, WIDTH, CPU) + torch.tensor([2.0 * WIDTH, -HEIGHT]))
    torch.testing.assert_close(far, white, atol=1e-5, rtol=0)
    image = to_image(texture(HEIGHT, WIDTH, seed=4), CPU)
    beside = sample(image, pixel_grid(HEIGHT, WIDTH, CPU) + torch.tensor([float(WIDTH), 0.0]))
    torch.testing.assert_close(beside, image.flip(3), atol=1e-5, rtol=0)


def test_beyond_a_wrapped_edge_lies_the_other_side() -> None:
    image = to_image(texture(HEIGHT, WIDTH, seed=4), CPU)
    moved = sample(image, pixel_grid(HEIGHT, WIDTH, CPU) + torch.tensor([10.0, -7.0]), "wrap")
    torch.testing.assert_close(moved, image.roll((7, -10), (2, 3)), atol=1e-4, rtol=0)
    halves = pixel_grid(HEIGHT, WIDTH, CPU) + torch.tensor([0.5, 0.0])
    seam = sample(image, halves, "wrap")[..., -1]  # between the last column and the first
    inside = sample(image.roll(20, 3), halves)[..., 19]
    # what is restored of short waves there comes from the frame's own side; a seam would be 0.1
    torch.testing.assert_close(seam, inside, atol=0.015, rtol=0)


def test_where_nothing_was_filmed_the_whole_dream_is_carried() -> None:
    dream = to_image(texture(HEIGHT, WIDTH, seed=4), CPU)
    before = State(1, None, dream, torch.ones(1, 1, HEIGHT, WIDTH))
    canvas = carried(Frame(index=1, time=0.04, picture=None), before)
    assert canvas.picture is None
    torch.testing.assert_close(canvas.image, dream, atol=2e-5, rtol=0)
    assert float(canvas.maturity.max()) == 0  # all of it is dreamt on, at every size


def test_a_first_frame_without_a_picture_is_refused() -> None:
    with pytest.raises(ValueError, match="must have a picture"):
        carried(Frame(index=0, time=0, picture=None), State())


@pytest.mark.parametrize("persistence", [-0.1, 1.1])
def test_a_persistence_outside_its_range_is_refused(persistence: float) -> None:
    with pytest.raises(ValidationError, match="persistence"):
        Warp(
            persistence=persistence,
            least_kept=0,
            border="reflect",
            transitions=False,
            renewal_per_second=0,
        )


@pytest.mark.parametrize("size", [(24, 40), (21, 33), (7, 13)])
def test_however_many_threads_sample_it_is_the_same(size: tuple[int, int]) -> None:
    draw = torch.Generator().manual_seed(2)
    image = torch.rand(1, 4, *size, generator=draw)
    positions = pixel_grid(*size, CPU) + 3 * torch.randn(1, *size, 2, generator=draw)
    before, found = torch.get_num_threads(), []
    try:
        for threads in (1, 2, 3, 5):
            torch.set_num_threads(threads)
            cv2.setNumThreads(threads)
            found.append(sample(image, positions))
    finally:
        torch.set_num_threads(before)
        cv2.setNumThreads(-1)
    assert all(torch.equal(found[0], one) for one in found)
