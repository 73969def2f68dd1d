"""Overlapping tiles of an image, so that a network processes only one of them at a time.

A tile is what the network sees, and its core is the part that counts. Around the core, except at
the edges of the image, is a margin of context. The cores cover each pixel of the image once.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise, product

from torch import Tensor

PERIOD = 32
"""Period of the tile grid, in pixels: a multiple of the strides of almost all layers of almost all
networks. Tiles start at multiples of it, and their length is congruent to the image's modulo it, so
that strides and "same" padding act on the same pixels as in the whole image."""


@dataclass(frozen=True)
class TileSpan:
    """A tile, [start, stop), and its core, [first, last), along one side of an image, in pixels.

    `start`, `first` and `last` are multiples of PERIOD, except that the last core ends at `length`.
    `stop` is congruent to `length` modulo PERIOD.
    """

    start: int
    """Start of the tile."""
    stop: int
    """End of the tile, exclusive."""
    first: int
    """Start of the core."""
    last: int
    """End of the core, exclusive."""
    length: int
    """Length of the side of the image."""

    def places(self, stride: int, origin: int) -> slice:
        """Return the core as a slice of positions `stride` pixels apart, the first at pixel
        `origin`.
        """
        # At the end of the image the number of positions depends on the network: take all.
        last = None if self.last == self.length else (self.last - origin) // stride
        return slice((self.first - origin) // stride, last)

    def all_places(self, seen: int, stride: int) -> int:
        """Return the number of positions in the whole image, given the number in this tile."""
        return seen + (self.length - (self.stop - self.start)) // stride


@dataclass(frozen=True)
class Tile:
    """One tile of an image. Its map is (1, C, h, w), with positions `stride` pixels apart."""

    rows: TileSpan
    """Extent along the height."""
    columns: TileSpan
    """Extent along the width."""

    @property
    def sides(self) -> tuple[int, int]:
        """Height and width of the tile, in pixels."""
        return self.rows.stop - self.rows.start, self.columns.stop - self.columns.start

    @property
    def whole(self) -> bool:
        """Whether the tile is the whole image."""
        return all(
            span.first == 0 and span.last == span.length for span in (self.rows, self.columns)
        )

    def of(self, image: Tensor) -> Tensor:
        """Return the tile of an image, (1, C, H, W), margin included, as a view."""
        return image[:, :, self.rows.start : self.rows.stop, self.columns.start : self.columns.stop]

    def core(self, seen: Tensor, stride: int = 1) -> Tensor:
        """Return the core of the tile's map, as a view."""
        if self.whole:
            return seen  # the backward pass through a view would copy it
        rows, columns = self.rows, self.columns
        return seen[:, :, rows.places(stride, rows.start), columns.places(stride, columns.start)]

    def within(self, whole: Tensor, stride: int = 1) -> Tensor:
        """Return the core of this tile in the map of the whole image, as a view."""
        return whole[:, :, self.rows.places(stride, 0), self.columns.places(stride, 0)]

    def places(self, seen: Tensor, stride: int = 1) -> tuple[int, int]:
        """Return the height and width of the whole image's map, given the tile's map."""
        height, width = seen.shape[2:]
        return self.rows.all_places(height, stride), self.columns.all_places(width, stride)

    def share(self, seen: Tensor, stride: int = 1) -> float:
        """Return the core's share of the whole image's map, in [0, 1], given the tile's map."""
        (height, width), core = self.places(seen, stride), self.core(seen, stride)
        return core.shape[2] * core.shape[3] / (height * width)


def cut_tiles(
    height: int, width: int, margin: int = 0, fits: Callable[[int, int], bool] = lambda *_: True
) -> list[Tile]:
    """Return the tiles of an image, row by row, all of one size; one tile if the image fits.

    Of the sizes that fit, the one with the fewest pixels in all tiles together is used; if none
    fits, the smallest. margin: pixels of context, a multiple of PERIOD. fits: whether a tile of
    this height and width may be processed at once.
    """
    counts = product(_tile_counts(height, margin), _tile_counts(width, margin))

    def cost(count: tuple[int, int]) -> tuple[bool, int]:
        tall, wide = tile_side(height, count[0], margin), tile_side(width, count[1], margin)
        fitting = fits(tall, wide)
        return not fitting, tall * wide * (count[0] * count[1] if fitting else 1)

    down, across = (1, 1) if fits(height, width) else min(counts, key=cost)
    rows, columns = tile_spans(height, down, margin), tile_spans(width, across, margin)
    return [Tile(row, column) for row in rows for column in columns]


def tile_spans(length: int, count: int, margin: int) -> list[TileSpan]:
    """Return `count` tiles of one length, as short as margins allow, spread over `length`."""
    side = tile_side(length, count, margin)
    spare = (length - side) // PERIOD
    starts = [PERIOD * (spare * k // max(1, count - 1)) for k in range(count)]
    # Two cores meet in the middle of their tiles' overlap.
    boundaries = [
        PERIOD * ((late + early + side) // (2 * PERIOD)) for early, late in pairwise(starts)
    ]
    return [
        TileSpan(start, start + side, first, last, length)
        for start, (first, last) in zip(starts, pairwise([0, *boundaries, length]), strict=True)
    ]


def tile_side(length: int, count: int, margin: int) -> int:
    """Return the smallest side of `count` tiles that cover `length`.

    It is congruent to `length` modulo PERIOD.
    """
    margins = 2 * margin // PERIOD
    return PERIOD * (margins - (margins - length // PERIOD) // count) + length % PERIOD


def _tile_counts(length: int, margin: int) -> range:
    """Return the possible numbers of tiles: each has at least PERIOD pixels between its margins."""
    return range(1, max(1, length // PERIOD - 2 * (margin // PERIOD)) + 1)
