"""Layouts of layer outputs, and how an output of any layout is read as a map, (1, C, h, w).

Convolutions return (1, C, h, w), Swin transformers (1, h, w, C), and vision transformers a list of
tokens, (1, N, C), of which the first may have no position (a class token, registers).
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
    """Layout of a layer's output: a map, a list of tokens, or a list of numbers."""

    channels: int
    """Number of channels."""
    axis: int
    """Axis of the output that holds the channels."""
    leading_tokens: int | None = None
    """Number of leading tokens that have no position. None: the output is not a list of tokens."""

    def read(self, output: Tensor, size: Size) -> Tensor:
        """Return the output as (1, C, h, w), or as (1, C) for a layer without a map.

        size: of the network's input.
        """
        if self.leading_tokens is None:
            return output if self.axis == 1 else output.movedim(self.axis, 1)
        tokens = output.movedim(self.axis, 1)[:, :, self.leading_tokens :]
        return tokens.reshape(1, self.channels, *grid(tokens.shape[2], size))


def grid(count: int, size: Size) -> Size:
    """Return the rows and columns of `count` tokens whose ratio is nearest to that of `size`.

    size: of the network's input.
    """
    shape = math.log(size[0] / size[1])
    rows = [n for n in range(1, count + 1) if count % n == 0]
    nearest = min(rows, key=lambda n: abs(math.log(n * n / count) - shape))
    return nearest, count // nearest


def layout_of(shapes: Sequence[Sequence[int]], sizes: Sequence[Size]) -> Layout | None:
    """Return the layout of a layer, given its output shapes for images of these two sizes.

    None: the output cannot be read. The axis that does not change with the size holds the channels.
    With two equal sizes the layout is guessed from the shape alone.
    """
    first, second = shapes
    if len(first) != len(second) or first[0] != 1 or second[0] != 1:
        return None  # the first axis holds windows or heads instead of images
    if sizes[0] == sizes[1]:
        return _layout_of_square(first)
    fixed = [axis for axis in range(1, len(first)) if first[axis] == second[axis]]
    if len(first) == 2 and fixed == [1]:
        return Layout(first[1], 1)
    if len(first) == 3:
        return _layout_of_tokens(first, second, sizes, fixed)
    if len(first) == 4 and len(fixed) == 3:
        last = first[1] == first[2] == 1  # pooled to a fixed size
        return Layout(first[3], 3) if last else Layout(first[1], 1)
    if len(first) == 4 and fixed in ([1], [3]):
        rows = slice(2, 4) if fixed == [1] else slice(1, 3)
        square = all(len(set(shape[rows])) == 1 for shape in shapes)
        # the images are not square: a square output compares tokens with tokens
        return None if square else Layout(first[fixed[0]], fixed[0])
    return None


def _layout_of_tokens(
    first: Sequence[int], second: Sequence[int], sizes: Sequence[Size], fixed: Sequence[int]
) -> Layout | None:
    if len(fixed) == 2 and first[1] == 1:
        return Layout(first[2], 2, leading_tokens=0)  # only the class token
    if fixed not in ([1], [2]):
        return None
    few, many = first[3 - fixed[0]], second[3 - fixed[0]]
    less, more = (height * width for height, width in sizes)
    leading_tokens = few - (many - few) * less / (more - less)
    if many < few or leading_tokens < 0 or leading_tokens != round(leading_tokens):
        return None
    return Layout(first[fixed[0]], fixed[0], leading_tokens=round(leading_tokens))


def _layout_of_square(shape: Sequence[int]) -> Layout | None:
    if len(shape) == 2:
        return Layout(shape[1], 1)
    if len(shape) == 3:
        # tokens before channels, as in most networks
        return Layout(shape[2], 2, leading_tokens=shape[1] - math.isqrt(shape[1]) ** 2)
    if len(shape) == 4 and shape[2] == shape[3]:
        return Layout(shape[1], 1)
    return Layout(shape[3], 3) if len(shape) == 4 and shape[1] == shape[2] else None
