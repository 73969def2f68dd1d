"""Tiles that lie as the whole picture does, and cores that cover it once."""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch

from pipeline.gradient.tiles import PERIOD, cut_tiles, tile_spans

SIZES = (1, 31, 32, 161, 256, 333, 720, 1081, 3840)


@pytest.mark.parametrize("margin", [32, 64, 128])
@pytest.mark.parametrize("length", SIZES)
def test_tiles_begin_on_the_networks_grid_and_are_as_long_as_the_picture_modulo_it(
    length: int, margin: int
) -> None:
    for count in range(1, max(1, (length - 2 * margin) // PERIOD)):
        row = tile_spans(length, count, margin)
        assert len(row) == count
        assert len({span.stop - span.start for span in row}) == 1
        assert all(span.start % PERIOD == 0 for span in row)
        assert (row[0].stop - row[0].start - length) % PERIOD == 0
        assert (row[0].start, row[-1].stop) == (0, length)


@pytest.mark.parametrize("margin", [32, 64, 128])
@pytest.mark.parametrize("length", SIZES)
def test_cores_follow_one_another_each_within_its_margins(length: int, margin: int) -> None:
    for count in range(1, max(1, (length - 2 * margin) // PERIOD)):
        row = tile_spans(length, count, margin)
        assert (row[0].first, row[-1].last) == (0, length)
        for before, behind in pairwise(row):
            assert before.last == behind.first
            assert before.last % PERIOD == 0
            assert before.stop - before.last >= margin
            assert behind.first - behind.start >= margin


def test_a_picture_that_fits_is_one_tile() -> None:
    (only,) = cut_tiles(200, 333, 64, lambda *sides: sides == (200, 333))
    assert only.sides == (200, 333)
    image = torch.rand(1, 3, 200, 333)
    for part in (only.of(image), only.core(image), only.within(image)):
        assert torch.equal(part, image)
    assert only.share(image) == 1


@pytest.mark.parametrize("size", [(333, 500), (720, 1280), (96, 4000), (1080, 1921)])
def test_every_tile_fits_and_the_cores_are_the_picture(size: tuple[int, int]) -> None:
    tiles = cut_tiles(*size, 64, lambda height, width: max(height, width) <= 320)
    times = torch.zeros(1, 1, *size)
    for tile in tiles:
        assert max(tile.sides) <= 320
        tile.within(times).add_(1)
        assert tile.core(tile.of(times)).data_ptr() == tile.within(times).data_ptr()
    assert bool((times == 1).all())
    assert sum(tile.share(tile.of(times)) for tile in tiles) == pytest.approx(1)


def test_larger_tiles_are_fewer_and_see_less_twice() -> None:
    seen = []
    for pixels in (200_000, 400_000, 800_000, 1_600_000, 10_000_000):
        tiles = cut_tiles(2160, 3840, 64, lambda height, width, most=pixels: height * width <= most)
        assert all(height * width <= pixels for height, width in (tile.sides for tile in tiles))
        seen.append(sum(height * width for height, width in (tile.sides for tile in tiles)))
    assert seen == sorted(seen, reverse=True)
    assert seen[-1] == 2160 * 3840


def test_where_nothing_fits_tiles_are_as_small_as_margins_allow() -> None:
    tiles = cut_tiles(1000, 1000, 64, lambda *_: False)
    # a period between two margins, and the 8 pixels by which 1000 is no multiple of it
    assert {tile.sides for tile in tiles} == {(2 * 64 + PERIOD + 8,) * 2}


def test_a_picture_shorter_than_its_margins_is_not_cut_along_that_side() -> None:
    tiles = cut_tiles(100, 1000, 64, lambda _, width: width <= 300)
    assert {tile.sides[0] for tile in tiles} == {100}
    assert len(tiles) > 1


@pytest.mark.parametrize("stride", [1, 2, 8, 32])
def test_the_cores_of_maps_are_those_of_the_picture(stride: int) -> None:
    # places as "same" padding counts them: one begun is one
    size = (333, 500)
    places = [-(-side // stride) for side in size]
    times = torch.zeros(1, 1, *places)
    for tile in cut_tiles(*size, 32, lambda height, width: max(height, width) <= 200):
        seen = torch.zeros(1, 1, *(-(-side // stride) for side in tile.sides))
        assert tile.places(seen, stride) == tuple(places)
        assert tile.core(seen, stride).shape == tile.within(times, stride).shape
        tile.within(times, stride).add_(1)
    assert bool((times == 1).all())
