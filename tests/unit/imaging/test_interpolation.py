"""pipeline.imaging.interpolation: pictures between two of a video."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from helpers.scenes import pan, texture
from helpers.stages import part

from pipeline.frame import Picture
from pipeline.imaging.interpolation import Flows, interpolate

DIS = part("flow", "dis")
HEIGHT, WIDTH = 96, 160


def between(first: Picture, second: Picture, share: float) -> Picture:
    flows = Flows.of(DIS(first, second).flow, DIS(second, first).flow)
    return interpolate(first, second, flows, share)


def error(picture: Picture, truth: Picture) -> float:
    """Return the mean square difference."""
    return float(np.square(picture.astype(np.float64) - truth).mean())


def blended(first: Picture, second: Picture, share: float) -> npt.NDArray[np.uint8]:
    mixed = (1 - share) * first.astype(np.float32) + share * second
    return np.asarray(np.rint(mixed), np.uint8)


@pytest.mark.parametrize("share", [0.25, 0.5, 0.75])
def test_motion_is_followed(share: float) -> None:
    pictures = pan(5, height=HEIGHT, width=WIDTH, velocity=(1, -1))
    first, truth, second = pictures[0], pictures[round(4 * share)], pictures[4]
    made = between(first, second, share)
    assert made.dtype == np.uint8
    assert error(made, truth) < error(blended(first, second, share), truth) / 4
    inside = slice(8, -8)
    assert error(made[inside, inside], truth[inside, inside]) < 20


def test_what_stands_still_stays_as_it_is() -> None:
    picture = texture(HEIGHT, WIDTH, seed=2)
    assert np.array_equal(between(picture, picture, 0.5), picture)


@pytest.mark.parametrize(("share", "nearest"), [(0.25, 0), (0.49, 0), (0.5, 1), (0.9, 1)])
def test_across_a_cut_the_nearer_picture_is_taken(share: float, nearest: int) -> None:
    pictures = texture(HEIGHT, WIDTH, seed=1, centre=70), texture(HEIGHT, WIDTH, seed=2, centre=190)
    made = between(*pictures, share)
    assert np.array_equal(made, pictures[nearest])
    assert made is not pictures[nearest]
