"""pipeline.source.fitting: the shape of the result."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from helpers import clips
from helpers.clips import FFV1, FITTING, LIMITS, write
from helpers.scenes import texture
from pydantic import ValidationError

from pipeline.bars import NO_BARS, Bars, common_bars
from pipeline.errors import UserError
from pipeline.frame import Picture
from pipeline.source.fitting import Fitting, Placement

HEIGHT, WIDTH = 96, 160
PICTURE = texture(HEIGHT, WIDTH, seed=3)


def fitting(**changes: Any) -> Fitting:
    """The settings of conf/config.yaml but these."""
    given = {key: getattr(FITTING, key) for key in ("aspect", "fit", "centre", "crop")}
    return Fitting(**{**given, **changes})


def placement(
    height: int | None = None, width: int | None = None, bars: Bars = NO_BARS, **changes: Any
) -> Placement:
    return fitting(**changes).placement((HEIGHT, WIDTH), (height, width), limits=LIMITS, bars=bars)


@pytest.mark.parametrize(
    ("text", "ratio"),
    [("16:9", Fraction(16, 9)), ("9/16", Fraction(9, 16)), ("1x1", 1), ("2.39:1", Fraction("2.39")),
     (2.35, Fraction("2.35")), (1, 1), (None, None)],
)  # fmt: skip
def test_an_aspect_is_written_as_people_do(text: object, ratio: object) -> None:
    assert fitting(aspect=text).aspect == ratio


@pytest.mark.parametrize("text", ["portrait", "16:0", "0:9", "16", "1:30", "-1:1", 0, -2, 21, ""])
def test_other_aspects_are_refused(text: object) -> None:
    with pytest.raises(ValidationError):
        fitting(aspect=text)


@pytest.mark.parametrize("fit", ["crop", "pad", "stretch"])
@pytest.mark.parametrize(
    ("asked", "size"),
    [({}, (96, 160)), ({"width": 80}, (48, 80)), ({"height": 48}, (48, 80)),
     ({"height": 48, "width": 80}, (48, 80)), ({"height": 96, "width": 160}, (96, 160))],
)  # fmt: skip
def test_the_shape_of_the_input_is_only_scaled(fit: str, asked: Any, size: Any) -> None:
    placed = placement(**asked, fit=fit)
    assert placed == Placement(size, Bars(), Bars())
    scaled = np.zeros((*size, 3), np.uint8)
    assert placed.cut(scaled) is scaled


@pytest.mark.parametrize(
    ("changes", "rows", "columns"),
    [
        ({"aspect": 1}, (0, 96), (32, 128)),
        ({"aspect": 1, "centre": (0, 0)}, (0, 96), (0, 96)),
        ({"aspect": 1, "centre": (1, 1)}, (0, 96), (64, 160)),
        ({"aspect": 1, "centre": (0.4, 0.5)}, (0, 96), (16, 112)),
        ({"aspect": "10:3"}, (24, 72), (0, 160)),
        ({"height": 96, "width": 100}, (0, 96), (30, 130)),
        ({"bars": Bars(10, 6, 4, 8)}, (10, 90), (4, 152)),
        ({"bars": Bars(8, 8, 0, 0), "aspect": 1}, (8, 88), (40, 120)),
    ],
)
def test_what_is_cropped_is_the_input_exactly(changes: Any, rows: Any, columns: Any) -> None:
    placed = placement(**changes)(PICTURE)
    assert np.array_equal(placed, PICTURE[slice(*rows), slice(*columns)])


@pytest.mark.parametrize(
    ("changes", "top", "left"),
    [
        ({"aspect": 1}, 32, 0),
        ({"aspect": 1, "centre": (0.5, 0)}, 0, 0),
        ({"aspect": 1, "centre": (0.5, 1)}, 64, 0),
        ({"aspect": "5:1"}, 0, 160),
    ],
)
def test_what_is_padded_is_whole_and_black_around(changes: Any, top: int, left: int) -> None:
    placed = placement(**changes, fit="pad")(PICTURE)
    expected = np.zeros_like(placed)
    expected[top : top + HEIGHT, left : left + WIDTH] = PICTURE
    assert np.array_equal(placed, expected)


@pytest.mark.parametrize("fit", ["crop", "pad", "stretch"])
@pytest.mark.parametrize("size", [(160, 90), (90, 160), (64, 64), (1080, 1920), (98, 100)])
@pytest.mark.parametrize("bars", [Bars(), Bars(13, 11, 0, 0), Bars(0, 0, 7, 5), Bars(3, 4, 5, 6)])
def test_the_result_has_the_size_asked_for(fit: str, size: tuple[int, int], bars: Bars) -> None:
    picture = PICTURE.copy()
    inside = np.zeros((HEIGHT, WIDTH), bool)
    inside[bars.top : HEIGHT - bars.bottom, bars.left : WIDTH - bars.right] = True
    picture[inside] = 200
    picture[~inside] = 0
    placed = placement(*size, bars=bars, fit=fit)(picture)
    assert placed.shape == (*size, 3)
    if fit != "pad":
        # the picture fills the result; next to a removed bar it is interpolated
        assert placed.min() > 60
        assert (placed == 200).mean() > 0.8
    else:
        shown = cv2.boundingRect((placed[..., 0] > 100).astype(np.uint8))
        ratio = (WIDTH - bars.left - bars.right) / (HEIGHT - bars.top - bars.bottom)
        assert shown[2] == size[1] or shown[3] == size[0]
        assert abs(shown[2] - ratio * shown[3]) <= 3 * max(1, ratio)


def test_a_shape_and_two_sides_contradict_each_other() -> None:
    with pytest.raises(UserError, match=r"^aspect: must be null if width=64 and height=64 are"):
        placement(64, 64, aspect=1)


def test_sides_of_a_video_are_even() -> None:
    assert placement(aspect="9:16").size == (96, 54)
    assert placement(width=81, aspect="9:16").size == (144, 80)


def letterboxed(top: int, index: int) -> Picture:
    picture = np.zeros_like(PICTURE)
    picture[top : HEIGHT - 12] = np.roll(PICTURE, 5 * index, axis=1)[top : HEIGHT - 12]
    return picture


def test_bars_are_those_of_all_pictures() -> None:
    black = np.zeros_like(PICTURE)
    assert common_bars([]) == Bars()
    assert common_bars([black]) == Bars()
    assert common_bars([black, letterboxed(12, 0), letterboxed(12, 1), black]) == Bars(12, 12)
    assert common_bars([letterboxed(20, 0), letterboxed(12, 1)]) == Bars(12, 12)
    assert common_bars([letterboxed(12, 0), PICTURE]) == Bars()


@pytest.mark.parametrize("kind", ["video", "images", "still", "feedback"])
def test_each_source_takes_the_shape(kind: str, tmp_path: Path) -> None:
    pictures = [letterboxed(12, index) for index in range(4)]
    if kind == "video":
        path = write(tmp_path / "clip.mkv", pictures, *FFV1, "-pix_fmt", "gbrp")
    else:
        path = tmp_path / "one.png"
        cv2.imwrite(str(path), pictures[0][..., ::-1])

    def source(**changes: Any) -> Any:
        if kind == "video":
            return clips.video(path, fitting=fitting(**changes))
        if kind == "images":
            return clips.images(path, fitting=fitting(**changes))
        if kind == "still":
            return clips.still(path, fitting=fitting(**changes))
        return clips.feedback(
            path=path, seconds=1, height=None, width=None, fitting=fitting(**changes)
        )

    first = next(source(crop="auto").pictures())
    assert np.array_equal(first, pictures[0][12:-12])
    first = next(source(crop="auto", aspect=1, centre=(1, 0.5)).pictures())
    assert np.array_equal(first, pictures[0][12:-12, -72:])
    made = source(aspect=1, fit="pad")
    assert (made.clip.height, made.clip.width) == (160, 160)
    assert np.array_equal(next(made.pictures())[32:-32], pictures[0])


def test_bars_of_a_video_are_searched_for_in_the_rendered_part(tmp_path: Path) -> None:
    open_, boxed = [PICTURE] * 25, [letterboxed(12, index) for index in range(25)]
    path = write(tmp_path / "clip.mkv", open_ + boxed, "-c:v", "libx264", "-qp", "0", "-g", "10",
                 "-pix_fmt", "yuv444p")  # fmt: skip
    for changes, height in [({}, 96), ({"start": 1}, 72), ({"end": 1}, 96), ({"start": 1.9}, 72)]:
        assert clips.video(path, fitting=fitting(crop="auto"), **changes).clip.height == height
