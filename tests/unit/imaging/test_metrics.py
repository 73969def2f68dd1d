"""pipeline.imaging.metrics: the figures mean what they say."""

from __future__ import annotations

import math

import pytest
import torch

from pipeline.imaging.metrics import blur, flicker

EVERYWHERE = torch.ones(1, 1, 64, 64)


def layer(seed: int) -> torch.Tensor:
    return torch.randn(1, 3, 64, 64, generator=torch.Generator().manual_seed(seed))


def test_what_was_painted_on_does_not_flicker() -> None:
    assert float(flicker(layer(0), layer(0), EVERYWHERE)) == 0


def test_what_is_unrelated_flickers_by_one() -> None:
    # 3 x 64 x 64 values, blurred to about 700 independent ones: 1 within 4 / sqrt(700).
    assert float(flicker(layer(0), layer(1), EVERYWHERE)) == pytest.approx(1, abs=0.15)


def test_what_has_just_come_flickers_by_half() -> None:
    assert float(flicker(layer(0), 0 * layer(0), EVERYWHERE)) == pytest.approx(0.5)


def test_a_tenth_more_of_the_same_is_half_a_hundredth() -> None:
    # (1 - 1.1)^2 / 2
    assert float(flicker(layer(0), 1.1 * layer(0), EVERYWHERE)) == pytest.approx(0.005, rel=1e-3)


def test_only_where_it_is_looked_at_counts() -> None:
    left = EVERYWHERE.clone()
    left[..., 32:] = 0
    before = layer(0)
    before[..., 32 + 8 :] = 0  # beyond the reach of the blur, 4 pixels
    assert float(flicker(layer(0), before, left)) == 0
    assert float(flicker(layer(0), before, 1 - left)) > 0.3


def test_the_order_of_size_does_not_matter() -> None:
    small, large = (
        flicker(layer(0), layer(1), EVERYWHERE),
        flicker(100 * layer(0), 100 * layer(1), EVERYWHERE),
    )
    assert float(small) == pytest.approx(float(large), rel=1e-4)


def test_a_layer_of_nothing_is_steady_and_no_division_by_zero() -> None:
    nothing = torch.zeros(1, 3, 64, 64)
    assert float(flicker(nothing, nothing, EVERYWHERE)) == 0


def test_a_blur_keeps_what_is_even_up_to_the_edge() -> None:
    even = torch.full((1, 2, 20, 30), 0.7)
    torch.testing.assert_close(blur(even), even)


def test_a_blur_spreads_a_point_by_its_deviation_alike_in_all_directions() -> None:
    point = torch.zeros(1, 1, 31, 31)
    point[..., 15, 15] = 1
    spread = blur(point, deviation=2.0)[0, 0]
    assert float(spread.sum()) == pytest.approx(1, rel=1e-5)
    torch.testing.assert_close(spread, spread.T)
    square = (torch.arange(31) - 15.0).square()
    # The kernel ends at three deviations, which takes 1.5 % off the deviation.
    assert math.sqrt(float((spread.sum(0) * square).sum())) == pytest.approx(2, rel=0.02)
