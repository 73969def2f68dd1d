"""pipeline.bars: black bars and plain borders are found, and nothing else is."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from skimage import data

from pipeline.bars import NO_BARS, Bars, find_bars
from pipeline.frame import Picture

HEIGHT, WIDTH = 180, 320
LETTERBOX = Bars(top=23, bottom=22)


def photo(height: int = HEIGHT, width: int = WIDTH, dark: float = 1.0) -> Picture:
    scaled = cv2.resize(data.astronaut(), (width, height), interpolation=cv2.INTER_AREA)
    return (scaled * dark).astype(np.uint8)


def framed(bars: Bars, colour: int = 0, dark: float = 1.0, noise: int = 0) -> Picture:
    """A photograph with these bars, and with noise everywhere."""
    picture = np.full((HEIGHT, WIDTH, 3), colour, np.uint8)
    height, width = HEIGHT - bars.top - bars.bottom, WIDTH - bars.left - bars.right
    picture[bars.top :, bars.left :][:height, :width] = photo(height, width, dark)
    draw = np.random.default_rng(0).integers(-noise, noise + 1, picture.shape)
    return (picture + draw).clip(0, 255).astype(np.uint8)


def with_text(picture: Picture, y: int) -> Picture:
    picture = picture.copy()
    cv2.putText(
        picture, "It is only a subtitle", (60, y), cv2.FONT_HERSHEY_SIMPLEX, 0.5, (255,) * 3
    )
    return picture


@pytest.mark.parametrize(
    "bars",
    [
        LETTERBOX,
        Bars(left=70, right=70),
        Bars(20, 24, 50, 44),
        Bars(top=2),
        Bars(left=1),
        Bars(60, 60, 110, 110),
    ],
    ids=str,
)
@pytest.mark.parametrize("noise", [0, 4])
def test_black_bars_are_found_to_the_pixel(bars: Bars, noise: int) -> None:
    assert find_bars(framed(bars, noise=noise)) == bars


@pytest.mark.parametrize("colour", [255, 90])
def test_a_border_of_another_colour_is_found_on_opposite_sides_only(colour: int) -> None:
    assert find_bars(framed(Bars(20, 20, 30, 30), colour)) == Bars(20, 20, 30, 30)
    assert find_bars(framed(Bars(top=20), colour)) == NO_BARS


@pytest.mark.parametrize(
    "picture",
    [
        photo(),
        data.coffee(),
        data.chelsea(),
        data.rocket(),
        np.zeros((HEIGHT, WIDTH, 3), np.uint8),
        np.full((HEIGHT, WIDTH, 3), 255, np.uint8),
    ],
)
def test_a_picture_without_bars_has_none(picture: Picture) -> None:
    assert find_bars(picture) == NO_BARS
    assert NO_BARS.mask(*picture.shape[:2]) is None


def test_a_sky_without_a_sharp_edge_and_a_bright_band_are_no_bars() -> None:
    sky = photo()
    rise = np.add.outer(np.linspace(0, 90, 60), np.linspace(0, 30, WIDTH))
    sky[:60] = rise.astype(np.uint8)[..., None]
    assert find_bars(sky) == NO_BARS
    half = photo()
    half[: HEIGHT // 2 + 1] = 0
    assert find_bars(half).top == 0


def test_subtitles_over_a_bar_do_not_end_it() -> None:
    picture = framed(LETTERBOX)
    assert find_bars(with_text(picture, HEIGHT - 6)) == LETTERBOX
    # at the edge of the frame, or over the edge of the picture: as in the picture before
    for y in (HEIGHT - 1, HEIGHT - 18):
        assert find_bars(with_text(picture, y), LETTERBOX) == LETTERBOX


def test_bars_stay_while_the_picture_is_dark_and_end_when_it_fills_them() -> None:
    assert find_bars(framed(LETTERBOX, dark=0.03), LETTERBOX) == LETTERBOX
    assert find_bars(photo(), LETTERBOX) == NO_BARS
    assert find_bars(np.zeros((HEIGHT, WIDTH, 3), np.uint8), LETTERBOX) == LETTERBOX


def test_noise_does_not_move_the_edge() -> None:
    assert find_bars(framed(Bars(top=22, bottom=22)), Bars(23, 21)) == Bars(23, 22)


def test_sixteen_bits() -> None:
    assert find_bars(framed(LETTERBOX).astype(np.uint16) * 257) == LETTERBOX


def test_the_mask_is_zero_in_the_bars_and_one_between_them() -> None:
    bars = Bars(2, 3, 4, 5)
    mask = bars.mask(10, 20)
    assert mask is not None
    assert mask.dtype == np.float32
    assert mask[2:7, 4:15].min() == 1
    assert mask.sum() == 5 * 11
    assert bars.mask(10, 20) is mask
