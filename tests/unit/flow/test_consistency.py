"""Whether the way there and back ends where it began."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from pipeline.flow.consistency import confidence
from pipeline.imaging.flow_field import outside

SHAPE = (40, 60)


def shear(slope: float) -> npt.NDArray[np.float32]:
    """A flow whose horizontal part grows with y: it tells whether the right places are compared."""
    flow = np.zeros((*SHAPE, 2), np.float32)
    flow[..., 0] = slope * np.arange(SHAPE[0], dtype=np.float32)[:, None]
    return flow


def test_a_flow_and_its_inverse_are_trusted_wherever_they_stay_inside() -> None:
    backward, forward = shear(0.2), shear(-0.2)  # moving along x leaves y: the exact inverse
    trusted = confidence(backward, forward)
    inside = ~outside(backward)
    assert 0.5 < inside.mean() < 1
    assert trusted[inside].min() == 1
    assert trusted[~inside].max() == 0


def test_the_forward_flow_is_looked_up_where_the_backward_flow_ends() -> None:
    backward = np.zeros((*SHAPE, 2), np.float32)
    backward[..., 0] = 10  # every pixel was ten to the right
    forward = np.zeros((*SHAPE, 2), np.float32)
    forward[:, 30:, 0] = -10  # and only the right half goes back
    trusted = confidence(backward, forward)
    assert trusted[:, 20:50].min() == 1
    assert trusted[:, :20].max() == 0


def test_doubt_grows_softly_between_the_threshold_and_twice_it() -> None:
    backward = np.zeros((*SHAPE, 2), np.float32)
    found = []
    for square in (0.5, 0.75, 1.1):  # squared pixels off; the threshold of a still pixel is 0.5
        forward = np.zeros((*SHAPE, 2), np.float32)
        forward[..., 1] = np.sqrt(square)
        found.append(float(confidence(backward, forward).mean()))
    assert found[0] > 0.98
    assert 0.4 < found[1] < 0.6
    assert found[2] < 0.1
