"""How a layer's output is read as a map, (1, C, h, w), whatever the network makes of it.

Convolutions give (1, C, h, w), Swin transformers (1, h, w, C), vision transformers a list of
tokens, (1, N, C), the first of which may stand for no place (a class token, registers).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor

Size = tuple[int, int]
"""Height and width in pixels."""


@dataclass(frozen=True)
class Layout:
    """How the output of a layer lies in memory: a map, a list of tokens, or a list of numbers."""

    channels: int
    """How many."""
    axis: int
    """Which of the output's axes counts them."""
    placeless: int | None = None
    """Of tokens, how many lead the list and stand for no place; None = the output is no list of
    tokens."""

    def read(self, output: Tensor, size: Size) -> Tensor:
        """Return the output as (1, C, h, w), or (1, C) of a layer without a map. size: the
        picture's.
        """
        if self.placeless is None:
            return output if self.axis == 1 else output.movedim(self.axis, 1)
        tokens = output.movedim(self.axis, 1)[:, :, self.placeless :]
        return tokens.reshape(1, self.channels, *grid(tokens.shape[2], size))


def grid(count: int, size: Size) -> Size:
    """Rows and columns of so many tokens: of all that fit, those most like the picture's shape."""
    shape = math.log(size[0] / size[1])
    rows = [n for n in range(1, count + 1) if count % n == 0]
    nearest = min(rows, key=lambda n: abs(math.log(n * n / count) - shape))
    return nearest, count // nearest


def layout_of(shapes: Sequence[Sequence[int]], sizes: Sequence[Size]) -> Layout | None:
    """Return how outputs of these two shapes, of pictures of two sizes, are read; None = as no map.

    Channels are what does not change with the size. Two equal sizes leave only the form to go by.
    """
    first, second = shapes
    if len(first) != len(second) or first[0] != 1 or second[0] != 1:
        return None  # windows or heads stand where pictures are counted
    if sizes[0] == sizes[1]:
        return _of_a_square(first)
    fixed = [axis for axis in range(1, len(first)) if first[axis] == second[axis]]
    if len(first) == 2 and fixed == [1]:
        return Layout(first[1], 1)
    if len(first) == 3:
        return _of_tokens(first, second, sizes, fixed)
    if len(first) == 4 and len(fixed) == 3:
        last = first[1] == first[2] == 1  # pooled to one size
        return Layout(first[3], 3) if last else Layout(first[1], 1)
    if len(first) == 4 and fixed in ([1], [3]):
        rows = slice(2, 4) if fixed == [1] else slice(1, 3)
        square = all(len(set(shape[rows])) == 1 for shape in shapes)
        # of two oblong pictures only what compares tokens with tokens is square
        return None if square else Layout(first[fixed[0]], fixed[0])
    return None


def _of_tokens(
    first: Sequence[int], second: Sequence[int], sizes: Sequence[Size], fixed: Sequence[int]
) -> Layout | None:
    if len(fixed) == 2 and first[1] == 1:
        return Layout(first[2], 2, placeless=0)  # the class token alone
    if fixed not in ([1], [2]):
        return None
    few, many = first[3 - fixed[0]], second[3 - fixed[0]]
    less, more = (height * width for height, width in sizes)
    placeless = few - (many - few) * less / (more - less)
    if many < few or placeless < 0 or placeless != round(placeless):
        return None
    return Layout(first[fixed[0]], fixed[0], placeless=round(placeless))


def _of_a_square(shape: Sequence[int]) -> Layout | None:
    if len(shape) == 2:
        return Layout(shape[1], 1)
    if len(shape) == 3:
        # tokens before channels, as all but a few have them
        return Layout(shape[2], 2, placeless=shape[1] - math.isqrt(shape[1]) ** 2)
    if len(shape) == 4 and shape[2] == shape[3]:
        return Layout(shape[1], 1)
    return Layout(shape[3], 3) if len(shape) == 4 and shape[1] == shape[2] else None
