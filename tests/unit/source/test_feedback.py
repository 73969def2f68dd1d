"""pipeline.source.feedback: a picture or noise, then nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from helpers import clips
from helpers.scenes import texture

from pipeline.errors import UserError
from pipeline.source.feedback import MEAN, Feedback, noise


def feedback(**changes: Any) -> Feedback:
    """Two seconds of noise, 40x64, with these settings changed."""
    return clips.feedback(**{"seconds": 2, "height": 40, **changes})


def test_a_picture_comes_first_and_nothing_behind_it() -> None:
    source = feedback()
    first, *rest = source.pictures()
    assert first is not None
    assert first.shape == (40, 64, 3)
    assert rest == [None] * 59
    assert source.clip.count == 60
    assert list(source.pictures(start=58)) == [None, None]


def test_the_frames_are_those_asked_for() -> None:
    assert feedback(frames=7).clip.count == 7
    assert feedback(seconds=0.01).clip.count == 1
    assert feedback(rate="30000/1001", seconds=10).clip.count == 300
    assert (feedback(height=None, width=None).clip.height, feedback(height=None).clip.height) == (
        360,
        36,
    )


@pytest.mark.parametrize(
    ("asked", "size"),
    [
        ({}, (100, 60)),
        ({"width": 30}, (50, 30)),
        ({"longest_side": 50}, (50, 30)),
        ({"longest_side": 50, "width": 120}, (200, 120)),
        ({"longest_side": 50, "width": 40, "height": 40}, (40, 40)),
    ],
)
def test_a_picture_keeps_its_shape_unless_both_sides_are_given(
    tmp_path: Path, asked: dict[str, int], size: tuple[int, int]
) -> None:
    path = tmp_path / "a.png"
    cv2.imwrite(str(path), texture(100, 60, 0))
    source = feedback(path=path, **{"height": None, "width": None, **asked})
    assert (source.clip.height, source.clip.width) == size
    assert source.shape == (100, 60)


def test_noise_has_the_shape_of_its_settings() -> None:
    source = feedback(height=None, width=96, noise_height=320, noise_width=320)
    assert (source.clip.height, source.clip.width) == (96, 96)


def test_a_time_or_a_count_must_end_it() -> None:
    assert feedback(seconds=None, frames=70_000).clip.count == 70_000
    with pytest.raises(UserError, match=r"source\.seconds: must be set if frames is not"):
        feedback(seconds=None).clip  # noqa: B018


def test_noise_is_grey_soft_and_its_own_for_each_seed() -> None:
    one, again, other = (noise(90, 160, seed=seed, contrast=0.12) for seed in (1, 1, 2))
    assert np.array_equal(one, again)
    assert not np.array_equal(one, other)
    values = one / 255
    assert values.mean() == pytest.approx(MEAN, abs=0.03)
    assert values.std() == pytest.approx(0.12, rel=0.2)
    # soft: of white noise it would be 1.13 deviations
    assert np.abs(np.diff(values, axis=1)).mean() < 0.7 * values.std()


def test_a_picture_is_brought_to_size(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "a.png"), texture(80, 100, 0))
    source = feedback(path=tmp_path / "a.png", height=None, width=50)
    first = next(source.pictures())
    assert first is not None
    assert first.shape == (40, 50, 3)
    assert source.shape == (80, 100)
    assert feedback().shape == (40, 64)  # noise is as large as it is wanted


def test_a_video_is_refused_with_the_way_to_fly_over_it(tmp_path: Path) -> None:
    (tmp_path / "a.mp4").write_bytes(b"video")
    with pytest.raises(
        UserError, match=r"input: must be a picture .* recipe=video, with camera=zoom"
    ):
        feedback(path=tmp_path / "a.mp4").clip  # noqa: B018
