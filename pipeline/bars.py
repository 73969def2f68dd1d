"""Bars and plain borders of a picture: letterbox, pillarbox and window. They are not dreamt on."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from pipeline.frame import FloatMap, Picture, to_uint8

SAMPLES = 256
"""Approximate number of pixels of a row or column that are looked at."""
TOLERANCE = 12
"""Largest difference from the colour of a bar, of 255, that is taken for noise of compression."""
PLAIN = 0.02
"""Largest share of other pixels in a row of a bar next to the picture and at the frame's edge."""
TEXT = 0.4
"""Share of other pixels from which a row belongs to the picture; those of subtitles have less."""
EDGE = 3
"""Largest number of rows between a plain row and the first row of the picture. Dark footage fades
into its dark regions instead."""
DEEPEST = 0.45
"""Largest share of the height or width that a bar takes."""
BLACK = 24
"""Largest value, of 255, of a black bar; bars of other colours must be on two opposite sides."""
JITTER = 2
"""Number of pixels by which noise changes the size of a bar from frame to frame."""


class Bars(NamedTuple):
    """Height or width in pixels of the bar on each side of a picture; 0: none."""

    top: int = 0
    bottom: int = 0
    left: int = 0
    right: int = 0

    def mask(self, height: int, width: int) -> FloatMap | None:
        """Return the mask of a frame of this size, (H, W): 0 in the bars, 1 between them.

        None: there are no bars. The same array as long as the bars are the same.
        """
        return _between(self, height, width) if any(self) else None


NO_BARS = Bars()
"""A picture without bars."""


def find_bars(picture: Picture, previous: Bars = NO_BARS) -> Bars:
    """Return the bars of a picture.

    picture: (H, W, 3). previous: bars of the previous picture of the same shot: one stays while
    text is in front of it, and while the picture next to it is too dark to show its edge.
    """
    sides = (
        picture,
        picture[::-1],
        picture.transpose(1, 0, 2),
        picture.transpose(1, 0, 2)[::-1],
    )
    found = [_Side.of(side, before) for side, before in zip(sides, previous, strict=True)]
    top, bottom, left, right = (
        side.depth if side.is_black or opposite.depth else 0
        for side, opposite in zip(found, (found[1], found[0], found[3], found[2]), strict=True)
    )
    return Bars(top, bottom, left, right)


def common_bars(pictures: Iterable[Picture]) -> Bars:
    """Return the bars that all of these pictures, (H, W, 3) of one size, have.

    On each side only pictures count that show where their bar ends: black frames do not.
    """
    depths: list[list[int]] = [[], [], [], []]
    for picture in pictures:
        found = find_bars(picture)
        turned = picture.transpose(1, 0, 2)
        edges = picture[0], picture[-1], turned[0], turned[-1]
        for known, depth, edge in zip(depths, found, edges, strict=True):
            if depth or (to_uint8(edge) > BLACK + TOLERANCE).any(axis=1).mean() > PLAIN:
                known.append(depth)
    return Bars(*(min(known, default=0) for known in depths))


class _Side(NamedTuple):
    """The bar at the first rows of a picture that was turned so that they are at its top."""

    depth: int = 0
    """Number of rows."""
    is_black: bool = True

    @staticmethod
    def of(picture: Picture, before: int) -> _Side:
        """Return the bar. before: its number of rows in the previous picture."""
        height, width = picture.shape[:2]
        step = max(1, width // SAMPLES)
        edge = to_uint8(picture[:1, ::step])
        colour = np.median(edge, axis=(0, 1))
        is_black = bool((colour <= BLACK).all())
        is_plain = _others(edge, colour).mean() <= PLAIN
        if not is_plain and not (is_black and before):
            return _Side()
        others = _others(to_uint8(picture[:, ::step]), colour)
        # between bars at the sides, a row of the picture is that much shorter
        length = np.count_nonzero(others.mean(axis=0) > PLAIN)
        shares = others.sum(axis=1, dtype=np.float32) / max(1, length)
        depth = _depth(shares) if is_plain else 0
        if not 0 < depth <= DEEPEST * height:
            stays = is_black and (shares[:before] < TEXT).all()
            return _Side(before if stays else 0)
        return _Side(max(depth, before) if abs(depth - before) <= JITTER else depth, is_black)


def _others(rows: npt.NDArray[np.uint8], colour: npt.NDArray[np.float64]) -> npt.NDArray[np.bool_]:
    """Return which pixels of these rows, (n, m, 3), have another colour: (n, m)."""
    difference = np.abs(rows.astype(np.int16) - np.rint(colour).astype(np.int16)).max(axis=2)
    return np.asarray(difference > TOLERANCE)


def _depth(shares: FloatMap) -> int:
    """Return the number of rows before the sharp edge of the picture; 0 if there is none.

    shares: share of pixels in each row, from the edge of the frame on, that are not as the bar.
    """
    picture_rows = np.flatnonzero(shares >= TEXT)
    if not len(picture_rows):
        return 0
    first = int(picture_rows[0])
    plain = np.flatnonzero(shares[max(0, first - EDGE) : first] <= PLAIN)
    if not len(plain):
        return 0
    return max(0, first - EDGE) + int(plain[-1]) + 1


@lru_cache(maxsize=4)
def _between(bars: Bars, height: int, width: int) -> FloatMap:
    mask = np.zeros((height, width), np.float32)
    mask[bars.top : height - bars.bottom, bars.left : width - bars.right] = 1
    return mask
