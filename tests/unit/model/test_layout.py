"""Whatever a layer gives is read as a map of the picture."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from pipeline.model.network.input_size import Sides, sides_of
from pipeline.model.network.layout import Layout, grid, layout_of

SIZES = ((64, 96), (96, 128))
"""6144 and 12288 pixels: 24 and 48 patches of 16."""


@pytest.mark.parametrize(
    ("first", "second", "layout"),
    [
        ((1, 40, 8, 12), (1, 40, 12, 16), Layout(40, 1)),
        ((1, 8, 12, 40), (1, 12, 16, 40), Layout(40, 3)),
        ((1, 24, 40), (1, 48, 40), Layout(40, 2, leading_tokens=0)),
        ((1, 25, 40), (1, 49, 40), Layout(40, 2, leading_tokens=1)),
        ((1, 29, 40), (1, 53, 40), Layout(40, 2, leading_tokens=5)),
        ((1, 40, 24), (1, 40, 48), Layout(40, 1, leading_tokens=0)),
        ((1, 1, 40), (1, 1, 40), Layout(40, 2, leading_tokens=0)),
        ((1, 1000), (1, 1000), Layout(1000, 1)),
        ((1, 40, 1, 1), (1, 40, 1, 1), Layout(40, 1)),
        ((1, 1, 1, 40), (1, 1, 1, 40), Layout(40, 3)),
        ((1, 256, 6, 6), (1, 256, 6, 6), Layout(256, 1)),  # AlexNet's pooling
        ((1, 3, 25, 25), (1, 3, 49, 49), None),  # each token against each
        ((1, 3, 25, 64), (1, 3, 49, 64), None),  # heads
        ((6, 49, 40), (12, 49, 40), None),  # windows
        ((1, 24), (1, 48), None),
        ((), (), None),
    ],
)
def test_channels_are_what_does_not_change_with_the_picture(
    first: tuple[int, ...], second: tuple[int, ...], layout: Layout | None
) -> None:
    assert layout_of((first or (0,), second or (0,)), SIZES) == layout


@pytest.mark.parametrize(
    ("shape", "layout"),
    [
        ((1, 40, 14, 14), Layout(40, 1)),
        ((1, 14, 14, 40), Layout(40, 3)),
        ((1, 197, 40), Layout(40, 2, leading_tokens=1)),
        ((1, 196, 40), Layout(40, 2, leading_tokens=0)),
        ((1, 1000), Layout(1000, 1)),
        ((1, 3, 14, 40), None),
    ],
)
def test_of_one_size_only_the_form_tells(shape: tuple[int, ...], layout: Layout | None) -> None:
    assert layout_of((shape, shape), ((224, 224), (224, 224))) == layout


def test_tokens_are_laid_out_row_by_row_without_the_class_token() -> None:
    # channel c of the token at (y, x) of 2 rows and 3 columns is 100 c + 10 y + x
    places = [[10 * y + x, 100 + 10 * y + x] for y in range(2) for x in range(3)]
    tokens = torch.tensor([[[-1, -1], *places]])
    read = Layout(2, 2, leading_tokens=1).read(tokens, (32, 48))
    assert read.tolist() == [[[[0, 1, 2], [10, 11, 12]], [[100, 101, 102], [110, 111, 112]]]]


def test_channels_last_become_channels_first_and_first_ones_stay_the_same_tensor() -> None:
    last = torch.rand(1, 2, 3, 4)
    assert torch.equal(Layout(4, 3).read(last, (32, 48)), last.permute(0, 3, 1, 2))
    assert Layout(2, 1).read(last, (32, 48)) is last


@pytest.mark.parametrize("size", [(224, 224), (32, 640), (272, 640), (112, 160), (14, 700)])
@pytest.mark.parametrize("stride", [1, 2, 7])
def test_a_grid_is_of_the_pictures_shape(size: tuple[int, int], stride: int) -> None:
    rows, columns = size[0] // 2 // stride, size[1] // 2 // stride
    if (size[0] % (2 * stride), size[1] % (2 * stride)) == (0, 0):
        assert grid(rows * columns, size) == (rows, columns)


def test_a_picture_is_filled_up_at_the_right_and_below_and_that_is_not_looked_at() -> None:
    sides = Sides(whole=32)
    filled = sides.filled(torch.ones(1, 3, 40, 64))
    assert filled.shape == (1, 3, 64, 64)
    assert filled.sum() == 3 * 40 * 64
    # 64 pixels are 8 places, 40 of them 5
    assert sides.seen(torch.ones(1, 7, 8, 8), (40, 64)).shape == (1, 7, 5, 8)
    assert sides.filled(filled) is filled


class Picky(nn.Module):
    """A network for sides of whole multiples, or of one size."""

    def __init__(self, whole: int, only: int | None = None) -> None:
        super().__init__()
        self.whole, self.only = whole, only

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        height, width = x.shape[2:]
        assert height % self.whole == width % self.whole == 0
        assert self.only in (None, height)
        assert self.only in (None, width)
        return x


@pytest.mark.parametrize("whole", [1, 2, 14, 16, 32, 64, 224])
def test_what_a_network_can_look_at_is_found_by_trying(whole: int) -> None:
    found = sides_of(Picky(whole), only=224)
    assert found.only is None
    assert found.whole % whole == 0
    assert sides_of(Picky(whole, only=224), only=224) == Sides(only=224)
    assert Sides(only=224).scaled(torch.rand(1, 3, 40, 64)).shape == (1, 3, 224, 224)
