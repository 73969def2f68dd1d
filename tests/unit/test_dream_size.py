"""pipeline.dream_size: dreams at a smaller size, shown at that of the source."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from helpers.scenes import texture
from helpers.stages import canvas_of

from pipeline import compose
from pipeline.canvas import Canvas, Strength
from pipeline.config.compose import compose_settings
from pipeline.config.settings import dream_width_of
from pipeline.dream_size import FULL_SIZE, DreamSize, enlarge
from pipeline.errors import UserError
from pipeline.frame import Clip, Frame, Picture, to_image, to_picture

CLIP = Clip(96, 128, Fraction(25))
HALF = DreamSize(64)


def _canvas(picture: Picture) -> Canvas:
    image = to_image(picture, "cpu")
    nothing, one = torch.zeros_like(image[:, :1]), torch.ones(())
    strength = Strength.alike(one)
    return Canvas(image, torch.zeros_like(image), one, nothing, None, nothing, strength)


def _frame(depth: int = 8, mask: np.ndarray | None = None) -> tuple[Frame, Canvas]:
    """A frame of 128x96 pixels that is dreamt at half of its width, and its canvas."""
    full = texture(96, 128, seed=1)
    if depth == 16:
        full = full.astype(np.uint16) * 257 + 3
    small = HALF.reduce(full)
    return Frame(0, 0.0, small, full, mask=mask), _canvas(small)


@pytest.mark.parametrize(
    ("width", "size", "expected"),
    [
        (None, (1080, 1920), (1080, 1920)),
        (960, (1080, 1920), (540, 960)),
        (960, (360, 640), (360, 640)),  # never enlarged
        (100, (33, 300), (11, 100)),
        (16, (1, 4000), (1, 16)),
    ],
)
def test_a_dream_keeps_the_shape_and_is_at_most_as_wide(
    width: int | None, size: tuple[int, int], expected: tuple[int, int]
) -> None:
    assert DreamSize(width).of(*size) == expected


@pytest.mark.parametrize("depth", [8, 16])
def test_a_picture_is_reduced_to_its_means(depth: int) -> None:
    frame, _ = _frame(depth)
    assert frame.picture is not None
    assert frame.full_picture is not None
    assert frame.picture.shape == (48, 64, 3)
    assert frame.picture.dtype == frame.full_picture.dtype
    means = frame.full_picture.reshape(48, 2, 64, 2, 3).mean(axis=(1, 3))
    assert np.abs(frame.picture - means).max() <= 0.75


def test_a_picture_that_is_small_enough_is_passed_on_as_it_is() -> None:
    picture = texture(48, 64, seed=1)
    assert HALF.reduce(picture) is picture
    assert FULL_SIZE.reduce(picture) is picture


@pytest.mark.parametrize("depth", [8, 16])
def test_without_a_dream_the_full_picture_comes_back_exactly(depth: int) -> None:
    frame, canvas = _frame(depth)
    assert canvas.picture is not None
    shown = to_picture(enlarge(canvas.picture, canvas, frame, CLIP), depth)
    assert np.array_equal(shown, frame.full_picture)


def test_only_the_layer_is_enlarged() -> None:
    full = (76 + 0.4 * texture(96, 128, seed=1)).astype(np.uint8)  # nothing is clamped
    small = HALF.reduce(full)
    canvas, frame = _canvas(small), Frame(0, 0.0, small, full)
    shown = enlarge(to_image(small, "cpu") + 0.1, canvas, frame, CLIP)
    torch.testing.assert_close(shown, to_image(full, "cpu") + 0.1, atol=1e-6, rtol=0)


def test_a_mask_has_the_edges_of_the_full_picture() -> None:
    mask = np.zeros((96, 128), np.float32)
    mask[:, 31:] = 1  # between two pixels of the dream
    frame, canvas = _frame(mask=mask)
    assert canvas.picture is not None
    shown = to_picture(enlarge(1 - canvas.picture, canvas, frame, CLIP))
    assert np.array_equal(shown[:, :31], frame.full_picture[:, :31])
    assert not np.array_equal(shown[:, 31:36], frame.full_picture[:, 31:36])


def test_without_footage_the_whole_dream_is_enlarged() -> None:
    image = to_image(texture(48, 64, seed=2), "cpu")
    shown = enlarge(image, canvas_of(image), Frame(3, 0.1, None), CLIP)
    assert shown.shape == (1, 3, 96, 128)
    reduced = torch.nn.functional.avg_pool2d(shown, 2)
    assert float((reduced - image).abs().mean()) < 0.02


@pytest.mark.parametrize("value", [0, 15, 96.5, "wide", True, -3])
def test_a_width_that_is_none_is_refused(value: object) -> None:
    line = rf"^dream_width: must be null or .* got {value!r}; set dream_width="
    with pytest.raises(UserError, match=line):
        dream_width_of(value)


def test_a_still_is_dreamt_small_and_shown_in_full(tmp_path: Path) -> None:
    source = texture(192, 256, seed=5)
    mask = np.zeros((192, 256, 3), np.uint8)
    mask[:, 128:] = 255
    cv2.imwrite(str(tmp_path / "in.png"), source[..., ::-1])
    cv2.imwrite(str(tmp_path / "mask.png"), mask)
    output = tmp_path / "out.png"
    job = compose(
        *("recipe=still", f"input={tmp_path / 'in.png'}", f"mask={tmp_path / 'mask.png'}"),
        *(f"output={output}", "dream_width=128", "dreamer.iterations=2", "dreamer.octaves=1"),
    )
    assert job.description[2].startswith("dream: 128x96 pixels; recipe still; ")
    (rendered,) = job.run()
    assert dict(rendered.dream.work) == {(96, 128): 2}
    assert rendered.state.dream is not None
    assert rendered.state.dream.shape == (1, 3, 96, 128)
    written = cv2.imread(str(output))[..., ::-1]
    assert np.array_equal(written[:, :128], source[:, :128])
    assert float(np.abs(written[:, 128:].astype(int) - source[:, 128:]).mean()) > 1


@pytest.mark.parametrize(
    ("words", "width"),
    [
        (("recipe=still",), 1920),
        (("recipe=still", "quality=draft"), 960),
        (("recipe=still", "quality=fine"), None),
        (("recipe=zoom",), None),
        (("recipe=zoom", "quality=draft"), 960),
        (("recipe=visualise",), None),
        (("recipe=still", "quality=draft", "dream_width=480"), 480),
    ],
)
def test_a_quality_chooses_the_size_of_the_dream(words: tuple[str, ...], width: int | None) -> None:
    assert compose_settings(*words)[0].dream_width == width
