"""Each channel convolved, in strips or not."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from pipeline.imaging.convolution import STRIPS, Edge, depthwise_conv

SIZES = [(STRIPS + 3, 40), (STRIPS + 4, 21), (2 * STRIPS, 30), (7 * STRIPS - 1, 33), (12, 300)]
KERNELS = [(7, 7), (9, 1), (1, 9), (6, 1), (1, 6), (3, 5)]


def whole(image: Tensor, kernel: Tensor, edge: Edge) -> Tensor:
    """The same by torch alone, all channels at once."""
    channels, (tall, wide) = image.shape[1], kernel.shape
    amounts = [(wide - 1) // 2, wide // 2, (tall - 1) // 2, tall // 2]
    weight = kernel.expand(channels, 1, -1, -1)
    if edge == "symmetric":
        numbers = np.pad(image.numpy(), [(0, 0)] * 2 + [(*amounts[2:],), (*amounts[:2],)], edge)
        return F.conv2d(torch.from_numpy(numbers), weight, groups=channels)
    return F.conv2d(F.pad(image, amounts, mode=edge), weight, groups=channels)


@pytest.mark.parametrize("edge", ["reflect", "symmetric", "replicate", "circular"])
@pytest.mark.parametrize("sides", KERNELS, ids=str)
@pytest.mark.parametrize("size", SIZES, ids=str)
def test_strips_give_what_the_whole_gives(
    size: tuple[int, int], sides: tuple[int, int], edge: Edge
) -> None:
    generator = torch.Generator().manual_seed(0)
    kernel = torch.rand(sides, generator=generator)
    for channels in (1, 3):
        image = torch.rand(1, channels, *size, generator=generator)
        expected = whole(image, kernel, edge)
        assert expected.shape == image.shape
        torch.testing.assert_close(depthwise_conv(image, kernel, edge), expected)


def test_an_image_that_lies_otherwise_gives_the_same() -> None:
    image = torch.rand(1, 3, 50, 60, generator=torch.Generator().manual_seed(0))
    kernel = torch.full((3, 3), 1 / 9)
    beside = image.contiguous(memory_format=torch.channels_last)
    assert torch.equal(
        depthwise_conv(beside, kernel, "reflect"), depthwise_conv(image, kernel, "reflect")
    )
