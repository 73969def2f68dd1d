"""How the colours of photographs hang together."""

from __future__ import annotations

from torch import Tensor

COLOURS = ((0.26, 0.09, 0.02), (0.27, 0.0, -0.05), (0.27, -0.09, 0.03))
"""Red, green and blue of three colours that vary independently in photographs, as columns: the root
of their covariance (Olah et al. 2017, lucid)."""


def mixing(like: Tensor) -> Tensor:
    """(3, 3), red, green and blue of the three colours as columns, the longest of length 1.

    like: a tensor of the type and on the device that are wanted.
    """
    colours = like.new_tensor(COLOURS)
    longest: Tensor = colours.norm(dim=0).max()
    return colours / longest
