"""pipeline.frame: what crosses between CPU and device crosses whole."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from helpers.scenes import texture
from helpers.stages import canvas_of, needs_gpu

from pipeline.dreamer import Dream
from pipeline.frame import Frame, composite_over_grey, to_device, to_image, to_picture, to_uint8
from pipeline.state import State

CPU = torch.device("cpu")


def test_every_brightness_comes_back_as_it_went() -> None:
    picture = np.arange(256 * 3, dtype=np.uint16).astype(np.uint8).reshape(16, 16, 3)
    assert np.array_equal(to_picture(to_image(picture, CPU)), picture)


def test_every_brightness_of_16_bits_comes_back_as_it_went() -> None:
    picture = np.arange(1 << 16, dtype=np.uint16).repeat(3).reshape(256, 256, 3)
    image = to_image(picture, CPU)
    assert (float(image.min()), float(image.max())) == (0, 1)
    assert np.array_equal(to_picture(image, 16), picture)


def test_16_bits_are_rounded_to_8_to_the_nearest() -> None:
    picture = np.arange(1 << 16, dtype=np.uint16)[None]
    assert np.array_equal(to_uint8(picture), np.rint(picture / 257))
    low = np.arange(256, dtype=np.uint8)[None]
    assert np.array_equal(to_uint8(low), low)


@pytest.mark.parametrize("depth", [8, 16])
def test_a_transparent_picture_is_mixed_with_what_is_behind_it(depth: int) -> None:
    peak = 2**depth - 1
    rng = np.random.default_rng(0)
    picture = rng.integers(0, peak + 1, (64, 64, 3), dtype=f"u{depth // 8}")
    alpha = rng.integers(0, peak + 1, (64, 64), dtype=f"u{depth // 8}")
    picture[0], alpha[0, ::2] = peak, peak  # the largest number on the way
    share = alpha[..., None] / peak
    for behind in (0.0, 1.0):
        expected = picture * share + peak * behind * (1 - share)
        found = composite_over_grey(picture, alpha, behind)
        assert found.dtype == picture.dtype
        assert np.abs(found - expected).max() <= 0.5 + 1e-6


def test_a_picture_becomes_an_image_with_red_first_and_height_before_width() -> None:
    picture = np.zeros((4, 6, 3), np.uint8)
    picture[3, 5] = 255, 51, 0
    image = to_image(picture, CPU)
    assert image.shape == (1, 3, 4, 6)
    assert image.dtype == torch.float32
    # 51 of 255 is a fifth.
    torch.testing.assert_close(image[0, :, 3, 5], torch.tensor([1.0, 0.2, 0.0]))
    assert float(image.sum()) == float(image[0, :, 3, 5].sum())


@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
def test_each_colour_of_an_image_lies_on_its_own(kind: type[np.number[Any]]) -> None:
    assert to_image(np.zeros((4, 6, 3), kind), "cpu").is_contiguous()


def test_a_mirrored_view_crosses_too() -> None:
    picture = texture(8, 10, seed=0)
    assert np.array_equal(to_picture(to_image(picture[:, ::-1], CPU)), picture[:, ::-1])


@pytest.mark.parametrize("device", ["cpu", pytest.param("cuda", marks=needs_gpu)])
@pytest.mark.parametrize("kind", [np.uint8, np.int32, np.float32])
def test_what_is_sent_arrives_however_it_lay(device: str, kind: type[np.number[Any]]) -> None:
    numbers = np.arange(24).reshape(4, 3, 2).astype(kind)
    for lying in (numbers, numbers[::2, ::-1], numbers.transpose(2, 0, 1)):
        arrived = to_device(lying, device)
        assert arrived.device.type == device
        assert np.array_equal(arrived.cpu().numpy(), lying)
        assert arrived.cpu().numpy().dtype == kind


def test_a_picture_is_rounded_and_held_to_its_range() -> None:
    values = [-0.5, 0.4 / 255, 0.6 / 255, 254.4 / 255, 254.6 / 255, 1.5]
    image = torch.tensor(values).view(1, 1, 1, 6).expand(1, 3, 1, 6)
    assert to_picture(image)[0, :, 0].tolist() == [0, 0, 1, 254, 255, 255]


def test_a_picture_of_a_canvas_that_requires_a_gradient_can_be_had() -> None:
    assert to_picture(torch.ones(1, 3, 2, 2, requires_grad=True)).min() == 255


def test_the_state_behind_a_frame_holds_its_dream_unrounded() -> None:
    picture, dream = texture(4, 4, seed=0), torch.full((1, 3, 4, 4), 1 / 3)
    maturity = torch.full((1, 1, 4, 4), 0.5)
    state = State().after(
        Frame(4, 0.16, picture), canvas_of(dream), Dream(dream, maturity, work={})
    )
    assert state.index == 5
    assert state.picture is picture
    assert state.dream is dream
    assert state.maturity is maturity


def test_a_flash_leaves_the_dream_where_it_was() -> None:
    picture, dream = texture(4, 4, seed=0), torch.rand(1, 3, 4, 4)
    before = State(7, picture, dream, torch.ones(1, 1, 4, 4))
    flash = Frame(index=7, time=0.28, picture=np.full_like(picture, 255), flash=True)
    after = before.after(
        flash, canvas_of(dream), Dream(torch.ones_like(dream), torch.zeros(1, 1, 4, 4), work={})
    )
    assert after.index == 8
    assert after.picture is picture
    assert after.dream is dream
    assert after.maturity is before.maturity
