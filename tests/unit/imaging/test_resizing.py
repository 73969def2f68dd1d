"""pipeline.imaging.resizing: pictures reduced, and images resized both ways."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from helpers.scenes import texture

from pipeline.frame import to_image
from pipeline.imaging.resizing import reduce_picture, resize


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_a_picture_is_reduced_to_the_means_of_areas(dtype: type[np.uint8 | np.uint16]) -> None:
    picture = texture(96, 128, seed=1).astype(dtype)
    reduced = reduce_picture(picture, (32, 64))
    assert reduced.dtype == dtype
    means = picture.reshape(32, 3, 64, 2, 3).mean(axis=(1, 3))
    assert np.abs(reduced - means).max() <= 0.51


def test_a_picture_of_the_right_size_is_returned_itself() -> None:
    picture = texture(48, 64, seed=1)
    assert reduce_picture(picture, (48, 64)) is picture


def test_resizing_there_and_back_keeps_the_mean_and_the_size() -> None:
    image = to_image(texture(48, 64, seed=0), "cpu")
    small = resize(image, (24, 32))
    assert small.shape == (1, 3, 24, 32)
    assert float(small.mean()) == pytest.approx(float(image.mean()), abs=2e-3)
    assert resize(image, (48, 64)).equal(image)


def test_an_enlarged_image_rings_less_than_torchs_other_splines() -> None:
    edge = torch.zeros(1, 3, 8, 8)
    edge[..., 4:] = 1
    overshoot = float(resize(edge, (32, 32)).max()) - 1
    other = torch.nn.functional.interpolate(edge, (32, 32), mode="bicubic").max()
    assert 0 < overshoot < 0.8 * (float(other) - 1)
