"""Killed at any moment, a render goes on, and every byte comes out as if it never had been."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import renders
from clips import FFV1, write
from kills import Kill, all_wrong, calls, everywhere, run
from renders import NAMES, shots
from test_source_images import save


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Everything that the renders read."""
    pictures = list(shots())
    sound = ("-f", "lavfi", "-i", "sine=duration=1", "-c:a", "aac", "-shortest")
    write(tmp_path / "clip.mkv", pictures, *sound[4:], *FFV1, before=sound[:4])
    for folder, few in (("shots", pictures), ("stills", pictures[:3])):
        (tmp_path / folder).mkdir()
        for index, picture in enumerate(few):
            save(tmp_path / folder / f"{index}.png", picture)
    return tmp_path


def whole(render: Callable[[Path], Path], home: Path, least: int) -> int:
    """How many calls an undisturbed render makes; at least so many, or nothing would be tried."""
    (home / "whole").mkdir()
    assert run(render, home / "whole") == 0, (home / "whole.err").read_text()
    count = calls(home / "whole")
    assert count >= least
    return count


@pytest.mark.timeout(600)
def test_killed_at_some_moments_it_comes_out_the_same(home: Path) -> None:
    """Those that the default run has time for: of every thirteen one, before or behind."""
    count = whole(renders.zoom, home, 100)
    kills = ((kill,) for index, kill in enumerate(everywhere(count)) if index % 13 == 0)
    assert all_wrong(renders.zoom, home, NAMES[renders.zoom], kills) == []


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize(
    ("render", "least", "every"),
    [
        (renders.video_, 150, 1),
        (renders.zoom, 100, 1),
        (renders.real, 150, 1),
        (renders.real_zoom, 150, 1),
        # what these do otherwise they do in a few places: of their kills some will do
        (renders.pictures, 200, 9),
        (renders.seldom, 50, 3),
        (renders.replaced, 200, 9),
        (renders.zoomed, 150, 9),
        (renders.album, 100, 5),
    ],
)
def test_killed_at_any_moment_it_comes_out_the_same(
    render: Callable[[Path], Path], least: int, every: int, home: Path
) -> None:
    count = whole(render, home, least)
    kills = ((kill,) for index, kill in enumerate(everywhere(count)) if index % every == 0)
    assert all_wrong(render, home, NAMES[render], kills) == []


@pytest.mark.slow
@pytest.mark.parametrize("apart", [7, 29])
def test_killed_again_and_again_it_comes_out_the_same(apart: int, home: Path) -> None:
    """Each run is killed too, at a moment of its own."""
    count = whole(renders.pictures, home, 100)
    chains = (
        tuple(Kill((first + apart * turn) % 40 + 1, behind=bool(turn % 2)) for turn in range(6))
        for first in range(0, min(count, 40), 4)
    )
    assert all_wrong(renders.pictures, home, "x", chains) == []
