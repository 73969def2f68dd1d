"""recipe=still with frames= or snapshots=: the dream grows in a picture."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from helpers.clips import video
from helpers.command_line import TOY, files, rendered, run
from helpers.scenes import texture

STILL = ("recipe=still", "input=a.png", *TOY)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a picture of 96x64."""
    cv2.imwrite(str(tmp_path / "a.png"), texture(64, 96, 0))
    return tmp_path


def shown(path: Path) -> np.ndarray:
    picture = cv2.imread(str(path))
    assert picture is not None
    return picture[..., ::-1].astype(float)


def test_a_dream_grows_from_frame_to_frame(folder: Path) -> None:
    rendered(*STILL, "frames=12", "output=x.mkv", cwd=folder)
    source = shown(folder / "a.png")
    distances = [
        float(np.abs(picture - source).mean()) for picture in video(folder / "x.mkv").pictures()
    ]
    assert len(distances) == 12
    assert 0 < distances[0] < distances[3] < distances[-1]


def test_snapshots_are_the_frames_with_these_numbers(folder: Path) -> None:
    rendered(*STILL, "snapshots=[1,4]", cwd=folder)
    assert video(folder / "a.dream.mp4").clip.count == 4
    rendered(*STILL, "frames=4", "snapshots=[1,4]", "output=x.mkv", cwd=folder)
    pictures = list(video(folder / "x.mkv").pictures())
    for number in (1, 4):
        name = f"frame-{number:06d}.png"
        assert np.array_equal(shown(folder / "x.mkv.render" / name), pictures[number - 1])
        lossless = folder / "a.dream.mp4.render" / name
        assert np.array_equal(shown(lossless), pictures[number - 1])


def test_a_folder_of_stills_is_no_growth(folder: Path) -> None:
    (folder / "many").mkdir()
    for name in "ab":
        cv2.imwrite(str(folder / "many" / f"{name}.png"), texture(64, 96, 0))
    rendered("recipe=still", "input=many", "frames=2", *TOY, cwd=folder)
    assert files(folder) >= {"many-dream/a.png", "many-dream/b.png"}


@pytest.mark.parametrize(
    ("word", "line"),
    [
        ("snapshots=[0]", "snapshots: must be null or a list of frames, counted from 1, got [0]; "
         "set 'snapshots=[1,10,30]'"),
        ("snapshots=[9]", "snapshots: must be at most the number of frames, 4, got 9; "
         "set 'snapshots=[4]'"),
        ("snapshots=last", "snapshots: must be null or a list of frames"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_one_line(folder: Path, word: str, line: str) -> None:
    ran = run(*STILL, "frames=4", word, "output=x.mkv", cwd=folder)
    assert (ran.code, len(ran.err.splitlines())) == (2, 1)
    assert ran.err.startswith(line)
