"""pipeline.auxiliary.mask: where a dream is shown, and what is carried beneath it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from helpers.scenes import texture
from helpers.stages import canvas_of, part

from pipeline.auxiliary.mask import Mask, check_shape
from pipeline.auxiliary.synced import SyncedPictures
from pipeline.canvas import Strength, composite
from pipeline.errors import UserError
from pipeline.frame import Frame, Picture, to_image, to_picture
from pipeline.state import State

HEIGHT, WIDTH = 24, 32
CPU = torch.device("cpu")
PICTURE = texture(HEIGHT, WIDTH, 0)
DREAM = torch.rand(1, 3, HEIGHT, WIDTH, generator=torch.Generator().manual_seed(2))
LEFT = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
LEFT[:, : WIDTH // 2] = 255


def mask(*, invert: bool = False, feather: float = 0.0) -> Mask:
    return Mask(SyncedPictures("mask", None), invert, feather)  # type: ignore[arg-type]


def field(share: float) -> torch.Tensor:
    return torch.full((1, 1, HEIGHT, WIDTH), float(share))


def test_black_shows_the_very_picture_and_white_the_very_dream() -> None:
    picture = to_image(PICTURE, CPU)
    assert torch.equal(composite(DREAM, picture, field(0)), picture)
    assert torch.equal(composite(DREAM, picture, field(1)), DREAM)
    assert np.array_equal(to_picture(composite(DREAM, picture, field(0))), PICTURE)


def test_grey_shows_a_share_of_the_dream_layer() -> None:
    picture = to_image(PICTURE, CPU)
    layer = composite(DREAM, picture, field(0.25)) - picture
    torch.testing.assert_close(layer, 0.25 * (DREAM - picture))


def test_without_a_mask_or_a_picture_the_dream_is_shown() -> None:
    assert composite(DREAM, to_image(PICTURE, CPU), None) is DREAM
    assert composite(DREAM, None, field(0.5)) is DREAM


def test_where_nothing_was_filmed_the_mask_weighs_the_steps() -> None:
    canvas = canvas_of(DREAM, strength=Strength.alike(torch.tensor(0.5)))
    assert canvas.step_strength is canvas.strength
    masked = replace(canvas, mask=field(0.5))
    for factor in masked.step_strength:
        assert torch.equal(factor, field(0.25))
    over = replace(masked, picture=to_image(PICTURE, CPU))
    assert over.step_strength is canvas.strength


def test_a_zoom_goes_on_with_what_was_shown_of_its_first_picture() -> None:
    warp, camera, black = part("warp", "layer"), part("camera", "still"), np.zeros_like(LEFT)

    def carried(state: State, masked: Picture | None) -> torch.Tensor:
        grey = None if masked is None else mask().field(masked)
        frame = Frame(state.index, state.index / 25, None, mask=grey)
        image: torch.Tensor = warp(frame, state, camera, rate=25.0, device=CPU).image
        return image

    state = State(1, PICTURE, DREAM, field(1))
    torch.testing.assert_close(carried(state, None), DREAM)
    torch.testing.assert_close(carried(state, black), to_image(PICTURE, CPU))
    later = State(2, None, DREAM, field(1))  # from then on the dream is all there is
    torch.testing.assert_close(carried(later, black), DREAM)


def test_inverted_white_means_not_at_all() -> None:
    plain, inverted = mask().field(LEFT), mask(invert=True).field(LEFT)
    assert plain.dtype == np.float32
    assert np.array_equal(inverted, 1 - plain)
    assert set(np.unique(plain)) == {0, 1}


@pytest.mark.parametrize("invert", [False, True])
def test_a_feathered_edge_is_soft_and_ends(invert: bool) -> None:
    found = mask(feather=2, invert=invert).field(LEFT)
    hard = mask(invert=invert).field(LEFT)
    gradient = found[HEIGHT // 2]
    assert np.all(np.diff(gradient) >= 0) or np.all(np.diff(gradient) <= 0)
    assert 0.3 < gradient[WIDTH // 2] < 0.7
    black = hard == 0
    away = np.abs(np.arange(WIDTH) - (WIDTH - 1) / 2) > 6.5  # three deviations
    assert np.all(found[:, away][black[:, away]] == 0)
    assert np.all(found[:, away][~black[:, away]] > 1 - 1e-6)
    assert found.max() <= 1


def test_a_mask_comes_to_the_device_as_one_channel() -> None:
    warp, camera = part("warp", "layer"), part("camera", "still")
    frames = [Frame(0, 0.0, PICTURE, mask=mask().field(LEFT)), Frame(0, 0.0, PICTURE)]
    found, none = (warp(frame, State(), camera, rate=25.0, device=CPU).mask for frame in frames)
    assert found.shape == (1, 1, HEIGHT, WIDTH)
    assert none is None


@pytest.mark.parametrize(
    ("size", "input_"),
    [
        ((360, 640), (1080, 1920)),
        ((2160, 3840), (1080, 1920)),
        ((1080, 1920), (360, 640)),
        ((271, 640), (816, 1919)),  # odd, and 1 pixel off when it was made
        ((540, 961), (1081, 1921)),
        ((50, 50), (1000, 1000)),
    ],
)
def test_a_mask_of_the_inputs_shape_fits(size: tuple[int, int], input_: tuple[int, int]) -> None:
    check_shape(size, input_)


@pytest.mark.parametrize(
    ("size", "input_"),
    [((1080, 1440), (1080, 1920)), ((1920, 1080), (1080, 1920)), ((1080, 1900), (1080, 1920)),
     ((518, 518), (360, 640)), ((1000, 1920), (1080, 1920))],
)  # fmt: skip
def test_a_mask_of_another_shape_is_refused(size: tuple[int, int], input_: tuple[int, int]) -> None:
    with pytest.raises(UserError) as caught:
        check_shape(size, input_)
    assert f"input's {input_[1]}x{input_[0]} pixels, got {size[1]}x{size[0]};" in str(caught.value)
    check_shape(size, input_, size)  # that of the dream will do as well
