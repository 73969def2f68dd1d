"""What of a gradient is softened, levelled, broadened, recoloured."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from pipeline.dreamer.gradient_filters import (
    Shaping,
    deviation,
    laplacian_normalize,
    scale_frequencies,
)
from pipeline.imaging.metrics import blur, luminance

NOTHING = {"smoothing": 0.0, "pyramid": 0, "falloff": 0.0, "decorrelation": 0.0}


def noise(height: int = 48, width: int = 64) -> Tensor:
    return torch.randn(1, 3, height, width, generator=torch.Generator().manual_seed(0))


def fine_share(image: Tensor) -> float:
    """How much of an image's power is finer than a blur of 1.2 pixels."""
    return float((image - blur(image)).square().mean() / image.square().mean())


def test_a_gradient_that_nothing_shapes_is_the_same() -> None:
    assert torch.equal(Shaping(**NOTHING)(noise()), noise())


@pytest.mark.parametrize(
    "setting", [{"smoothing": 0.5}, {"pyramid": 3}, {"falloff": 0.7}, {"decorrelation": 0.5}]
)
def test_each_setting_shapes_by_itself_and_keeps_shape_and_mean(setting: dict[str, float]) -> None:
    shaped = Shaping(**{**NOTHING, **setting})(noise())
    assert shaped.shape == noise().shape
    assert not torch.equal(shaped, noise())
    assert float(shaped.mean().abs()) < 0.1 * float(shaped.std())


def test_a_pyramid_brings_coarse_and_fine_to_one_strength() -> None:
    # a slow wave, of which fine noise leaves little to see
    wave = torch.sin(torch.linspace(0, 4 * torch.pi, 64)).expand(1, 3, 48, 64)
    gradient = noise() + 0.2 * wave
    before = float((gradient * wave).mean() / (gradient.std() * wave.std()))
    after = laplacian_normalize(gradient, 4)
    assert before < 0.2
    # nearly all of the last of four bands is the wave: half the correlation
    assert float((after * wave).mean() / (after.std() * wave.std())) > 0.4
    assert fine_share(after) < 0.5 < fine_share(gradient)


def test_a_pyramid_of_one_band_only_scales() -> None:
    torch.testing.assert_close(
        laplacian_normalize(7 * noise(), 1), noise() / noise().square().mean().sqrt()
    )


@pytest.mark.parametrize("bands", [1, 2, 4])
def test_a_pyramid_forgets_how_strong_the_gradient_was(bands: int) -> None:
    torch.testing.assert_close(
        laplacian_normalize(1000 * noise(), bands),
        laplacian_normalize(noise(), bands),
        rtol=1e-3,
        atol=1e-4,
    )


def test_waves_are_multiplied_by_what_the_falloff_says() -> None:
    # at 1/8 and 1/32 cycles a pixel: a falloff of 1 makes the slow one four times as strong
    x = torch.arange(64) * 2 * torch.pi
    fast, slow = torch.cos(x / 8), torch.cos(x / 32)
    shaped = scale_frequencies((fast + slow).expand(1, 3, 32, 64), 1.0)
    torch.testing.assert_close(
        shaped / shaped.std(),
        ((fast + 4 * slow) / (fast + 4 * slow).std()).expand(1, 3, 32, 64),
        rtol=1e-2,  # a deviation counts one less than its values
        atol=1e-3,
    )


def test_decorrelation_takes_colour_and_leaves_light_as_strong_as_before() -> None:
    shaped = Shaping(**{**NOTHING, "decorrelation": 1.0})(noise())
    assert float(shaped.std()) == pytest.approx(float(noise().std()), rel=1e-4)
    colour = [float((g - luminance(g)).std() / luminance(g).std()) for g in (noise(), shaped)]
    assert colour[1] < 0.5 * colour[0]


@pytest.mark.parametrize("setting", [{"smoothing": 2.0}, {"pyramid": 4}, {"pyramid": 1}])
def test_the_least_side_is_one_at_which_it_works(setting: dict[str, float]) -> None:
    shaping = Shaping(**{**NOTHING, **setting})
    side = shaping.least_side
    assert torch.isfinite(shaping(noise(side, side + 3))).all()
    if side > 4:
        with pytest.raises(RuntimeError):
            shaping(noise(side // 2, side // 2))


@pytest.mark.parametrize("size", [(9, 7), (272, 640), (1080, 1920)])
def test_a_deviation_is_that_from_the_mean_however_large_the_picture(size: tuple[int, int]) -> None:
    noise = torch.randn(1, 3, *size, generator=torch.Generator().manual_seed(1)) * 1e-6
    for gradient in (noise, noise + 2e-6):
        exact = float(gradient.double().std(correction=0))
        assert float(deviation(gradient)) == pytest.approx(exact, rel=2e-6)
    assert float(deviation(torch.full((1, 3, *size), 0.25))) == pytest.approx(0, abs=1e-4)
