"""A picture cut into overlapping tiles, so that a network need hold only one of them at a time.

A tile is what the network sees, its core is the part that counts; around the core, where the
picture goes on, lies a margin of context. Together the cores cover the picture, each pixel once.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise, product

from torch import Tensor

PERIOD = 32
"""Pixels, a multiple of the stride of almost every layer of almost every network. Tiles begin at
multiples of it and are as long as the picture modulo it, so that strides and "same" padding fall
on the very pixels on which they fall in the whole picture."""


@dataclass(frozen=True)
class TileSpan:
    """A tile, [start, stop), and its core, [first, last), along one side of a picture, pixels.

    All are multiples of the period, but for the picture's own end, `length`.
    """

    start: int
    """Where the tile begins."""
    stop: int
    """Where the tile ends."""
    first: int
    """Where its core begins."""
    last: int
    """Where its core ends."""
    length: int
    """Of the picture's side."""

    def places(self, stride: int, origin: int) -> slice:
        """Return the core among places `stride` pixels apart, the first of them at pixel
        `origin`."""
        # Where the picture ends a map has as many places as it has.
        last = None if self.last == self.length else (self.last - origin) // stride
        return slice((self.first - origin) // stride, last)

    def all_places(self, seen: int, stride: int) -> int:
        """Return how many places the whole picture has, given how many this tile has."""
        return seen + (self.length - (self.stop - self.start)) // stride


@dataclass(frozen=True)
class Tile:
    """One tile of a picture. Its map is (1, C, h, w), with places `stride` pixels apart."""

    rows: TileSpan
    """Along the height."""
    columns: TileSpan
    """Along the width."""

    @property
    def sides(self) -> tuple[int, int]:
        """Height and width, in pixels."""
        return self.rows.stop - self.rows.start, self.columns.stop - self.columns.start

    @property
    def whole(self) -> bool:
        """Whether it is all of the picture."""
        return all(
            span.first == 0 and span.last == span.length for span in (self.rows, self.columns)
        )

    def of(self, image: Tensor) -> Tensor:
        """Return what the network sees of the image (1, C, H, W), margin and all: a view."""
        return image[:, :, self.rows.start : self.rows.stop, self.columns.start : self.columns.stop]

    def core(self, seen: Tensor, stride: int = 1) -> Tensor:
        """Return the core of the tile's map: a view."""
        if self.whole:
            return seen  # the way back through a view would copy it
        rows, columns = self.rows, self.columns
        return seen[:, :, rows.places(stride, rows.start), columns.places(stride, columns.start)]

    def within(self, whole: Tensor, stride: int = 1) -> Tensor:
        """Return the core, found in the map of the whole picture: a view."""
        return whole[:, :, self.rows.places(stride, 0), self.columns.places(stride, 0)]

    def places(self, seen: Tensor, stride: int = 1) -> tuple[int, int]:
        """Return height and width of the map of the whole picture, given the tile's."""
        height, width = seen.shape[2:]
        return self.rows.all_places(height, stride), self.columns.all_places(width, stride)

    def share(self, seen: Tensor, stride: int = 1) -> float:
        """Return how much of the whole picture's places lie in the core, given the tile's map."""
        (height, width), core = self.places(seen, stride), self.core(seen, stride)
        return core.shape[2] * core.shape[3] / (height * width)


def cut_tiles(
    height: int, width: int, margin: int = 0, fits: Callable[[int, int], bool] = lambda *_: True
) -> list[Tile]:
    """Return the tiles of a picture, row by row, all of one size; only one where the whole fits.

    Of the sizes that fit it is the one at which the network sees the fewest pixels in all; where
    none fits, the smallest. margin: pixels of context, a multiple of the period. fits: whether a
    tile of this height and width may be held.
    """
    counts = product(_counts(height, margin), _counts(width, margin))

    def cost(count: tuple[int, int]) -> tuple[bool, int]:
        tall, wide = tile_side(height, count[0], margin), tile_side(width, count[1], margin)
        fitting = fits(tall, wide)
        return not fitting, tall * wide * (count[0] * count[1] if fitting else 1)

    down, across = (1, 1) if fits(height, width) else min(counts, key=cost)
    rows, columns = tile_spans(height, down, margin), tile_spans(width, across, margin)
    return [Tile(row, column) for row in rows for column in columns]


def tile_spans(length: int, count: int, margin: int) -> list[TileSpan]:
    """`count` tiles of one length, as short as margins allow, spread evenly over `length`."""
    long = tile_side(length, count, margin)
    spare = (length - long) // PERIOD
    starts = [PERIOD * (spare * k // max(1, count - 1)) for k in range(count)]
    # Two cores meet in the middle of what their tiles share.
    meets = [PERIOD * ((late + early + long) // (2 * PERIOD)) for early, late in pairwise(starts)]
    return [
        TileSpan(start, start + long, first, last, length)
        for start, (first, last) in zip(starts, pairwise([0, *meets, length]), strict=True)
    ]


def tile_side(length: int, count: int, margin: int) -> int:
    """Return how long `count` tiles must be, as the length modulo the period, to cover that
    length."""
    margins = 2 * margin // PERIOD
    return PERIOD * (margins - (margins - length // PERIOD) // count) + length % PERIOD


def _counts(length: int, margin: int) -> range:
    """Return how many tiles there may be: each has at least a period between its margins."""
    return range(1, max(1, length // PERIOD - 2 * (margin // PERIOD)) + 1)
