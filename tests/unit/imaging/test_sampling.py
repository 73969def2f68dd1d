"""pipeline.imaging.sampling: what is sampled hundreds of times stays where it is, and as strong."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest
import torch
import torch.nn.functional as F
from helpers.scenes import texture
from torch import Tensor

from pipeline.frame import to_image
from pipeline.imaging import sampling
from pipeline.imaging.sampling import Border, pixel_grid, sample

CPU = torch.device("cpu")
HEIGHT, WIDTH = 40, 56
SHIFTS = np.linspace(0, 1, 41)
IMPULSE = 64
Response = npt.NDArray[np.float64]


def by_torch(image: Tensor, positions: Tensor, border: Border = "reflect") -> Tensor:
    """The same without OpenCV, as on a GPU."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sampling, "OPENCV_SIDE", 0)
        return sample(image, positions, border)


def bicubic(image: Tensor, positions: Tensor, border: Border = "reflect") -> Tensor:
    """Torch's cubic convolution, a = -0.75: what carried the layer before."""
    half = torch.tensor([image.shape[3] / 2, image.shape[2] / 2])
    return F.grid_sample(image, positions / half, mode="bicubic", padding_mode="reflection",
                         align_corners=False)  # fmt: skip


BACKENDS = pytest.mark.parametrize("sampled", [sample, by_torch])


def response(sampled: Callable[[Tensor, Tensor], Tensor], *, vertical: bool) -> Response:
    """How strongly it passes each wave, (shifts, frequencies 0..1/2), from an impulse."""
    image = torch.zeros(1, 1, 1 + 2 * IMPULSE, 1 + 2 * IMPULSE)
    image[..., IMPULSE, IMPULSE] = 1
    found = []
    for shift in SHIFTS:
        offset = [0.0, float(shift)] if vertical else [float(shift), 0.0]
        moved = sampled(image, pixel_grid(*image.shape[2:], CPU) + torch.tensor(offset))[0, 0]
        line = moved[:, IMPULSE] if vertical else moved[IMPULSE]
        found.append(np.abs(np.fft.rfft(line.double().numpy(), 1024)))
    return np.array(found)


@BACKENDS
@pytest.mark.parametrize("vertical", [False, True])
def test_no_wave_is_amplified_at_any_shift(
    sampled: Callable[[Tensor, Tensor], Tensor], vertical: bool
) -> None:
    strength = response(sampled, vertical=vertical)
    assert strength.max() <= 1 + 1e-3
    # as near to 1 as it was chosen for: waves of 4 pixels and longer, at the worst shift
    assert strength[:, : 1024 // 4 + 1].min() >= 0.995
    # and what is not moved stays as it is, up to the shortest wave
    assert strength[0].min() >= 1 - 1e-3


def test_the_measure_of_the_response_sees_what_was_wrong_before() -> None:
    assert response(bicubic, vertical=False).max() == pytest.approx(1.029, abs=0.001)


def carried(sampled: Callable[[Tensor, Tensor], Tensor], times: int) -> tuple[Tensor, Tensor]:
    """Noise without its shortest waves, and what it comes to in a slow pan of so many frames."""
    noise = torch.randn(1, 1, 96, 96, generator=torch.Generator().manual_seed(0))
    spectrum = torch.fft.fft2(noise)
    across = torch.fft.fftfreq(96)
    spectrum[..., (across[:, None] ** 2 + across[None] ** 2).sqrt() > 1 / 5] = 0
    layer = start = torch.fft.ifft2(spectrum).real
    for _ in range(times):
        layer = sampled(layer, pixel_grid(96, 96, CPU) + torch.tensor([0.3, 0.11]))
    return start, layer


@BACKENDS
def test_a_hundred_and_fifty_warps_neither_ring_nor_fade(
    sampled: Callable[[Tensor, Tensor], Tensor],
) -> None:
    start, layer = carried(sampled, 150)
    # 45 pixels to the left and 16.5 up: what is left of the noise is in the middle
    inner = layer[..., 8:70, 8:40].std() / start.std()
    assert 0.75 < float(inner) <= 1.02


def test_a_hundred_and_fifty_warps_ring_with_cubic_convolution() -> None:
    start, layer = carried(bicubic, 150)
    assert float(layer[..., 8:70, 8:40].std() / start.std()) > 2


@BACKENDS
@pytest.mark.parametrize("border", ["reflect", "wrap"])
@pytest.mark.parametrize("channels", [1, 3, 4, 6])
def test_what_stands_still_stays_as_it_is(
    sampled: Callable[..., Tensor], border: Border, channels: int
) -> None:
    image = torch.rand(1, channels, 33, 47, generator=torch.Generator().manual_seed(3))
    for _ in range(3):
        assert sampled(image, pixel_grid(33, 47, CPU), border).shape == image.shape
    # the inverse filter ends after nine pixels, where its weights are 1e-5
    torch.testing.assert_close(sampled(image, pixel_grid(33, 47, CPU), border), image,
                               atol=4e-5, rtol=0)  # fmt: skip


@BACKENDS
def test_ramps_are_reproduced_at_every_place(sampled: Callable[[Tensor, Tensor], Tensor]) -> None:
    ramp = torch.arange(WIDTH, dtype=torch.float32).expand(1, 1, HEIGHT, WIDTH) / WIDTH
    for shift in (0.01, 0.1, 0.25, 0.5, 0.77):
        moved = sampled(ramp, pixel_grid(HEIGHT, WIDTH, CPU) + torch.tensor([shift, 0.3]))
        inner = slice(14, -14)
        torch.testing.assert_close(
            moved[..., inner], ramp[..., inner] + shift / WIDTH, atol=2e-6, rtol=0
        )


@pytest.mark.parametrize("border", ["reflect", "wrap"])
@pytest.mark.parametrize("size", [(40, 56), (9, 30), (5, 7), (1, 12)])
def test_opencv_and_torch_give_the_same(border: Border, size: tuple[int, int]) -> None:
    draw = torch.Generator().manual_seed(2)
    image = torch.rand(1, 4, *size, generator=draw)
    positions = pixel_grid(*size, CPU) + 8 * torch.randn(1, *size, 2, generator=draw)
    one, other = sample(image, positions, border), by_torch(image, positions, border)
    torch.testing.assert_close(one, other, atol=2e-4, rtol=0)
    assert one.is_contiguous()


def test_a_side_that_opencv_refuses_is_sampled_too() -> None:
    side = sampling.OPENCV_SIDE + 10
    image = torch.linspace(0, 1, side).expand(1, 1, 3, side)
    moved = sample(image, pixel_grid(3, side, CPU) + torch.tensor([10.0, 0.0]))
    # positions of 33,000 pixels have three digits behind the point in float32
    torch.testing.assert_close(moved[..., :-30], image[..., 10:-20], atol=1e-4, rtol=0)


@pytest.mark.parametrize("length", [32, 16, 8])
@pytest.mark.parametrize("speed", [0.02, 0.1, 0.3])
@pytest.mark.parametrize("border", ["reflect", "wrap"])
def test_a_slow_camera_carries_it_as_far_as_a_quick_one(
    length: int, speed: float, border: Border
) -> None:
    slow = pixel_grid(8, 64, CPU) - torch.tensor([speed, 0])
    x = torch.arange(64, dtype=torch.float32)
    layer = torch.sin(2 * math.pi * x / length).expand(1, 1, 8, 64)
    for _ in range(round(6 / speed)):
        layer = sample(layer, slow, border)
    # one whole wave of 32 pixels in the middle: its phase says where it is
    turns = torch.exp(-2j * math.pi * x[16:48] / length)
    phase = torch.angle((layer[0, 0, 4, 16:48] * turns).sum())
    moved = float((-math.pi / 2 - phase) * length / (2 * math.pi)) % length
    # a spline lags 0.22 % behind on waves of 8 pixels
    assert moved == pytest.approx(6 % length, abs=0.03)


@BACKENDS
def test_whole_pixels_carry_it_exactly(sampled: Callable[[Tensor, Tensor], Tensor]) -> None:
    image = to_image(texture(HEIGHT, WIDTH, seed=4), CPU)
    moved = sampled(image, pixel_grid(HEIGHT, WIDTH, CPU) + torch.tensor([3.0, -2.0]))
    inner = (..., slice(14, -14), slice(14, -14))
    torch.testing.assert_close(moved[inner], image.roll((2, -3), (2, 3))[inner],
                               atol=5e-5, rtol=0)  # fmt: skip
