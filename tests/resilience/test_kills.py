"""Killed at any moment, a render goes on, and every byte comes out as if it never had been."""

from __future__ import annotations

import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from helpers import renders
from helpers.clips import FFV1, write
from helpers.kills import CALLS, Calls, Kill, all_wrong, calls, difference, everywhere, run
from helpers.picture_files import save
from helpers.renders import NAMES, shots


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


def whole(render: Callable[[Path], Path], home: Path, least: int) -> Calls:
    """The calls of an undisturbed render; at least so many, or nothing would be tried."""
    (home / "whole").mkdir()
    assert run(render, home / "whole") == 0, (home / "whole.err").read_text()
    made = calls(home / "whole")
    assert len(made["MainThread"]) >= least
    return made


def some(made: Calls, every: int) -> list[tuple[Kill]]:
    """Of every so many kills one, before or behind."""
    assert every == 1 or every % 2, "an even number would be always before"
    return [(kill,) for index, kill in enumerate(everywhere(made)) if index % every == 0]


def test_of_all_calls_that_change_the_disk_each_kind_is_met(home: Path) -> None:
    made = whole(renders.video_, home, 150)
    kinds = {name for names in made.values() for name in names}
    # that one is there should anyone begin to use it
    assert kinds == {"wait", *CALLS} - {"remove"}
    # where the CPU dreams nothing runs ahead
    assert set(made) == {"MainThread"}


@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    ("render", "every"),
    [(renders.zoom, 37), pytest.param(renders.album, 53, marks=pytest.mark.slow)],
)
def test_killed_at_some_moments_it_comes_out_the_same(
    render: Callable[[Path], Path], every: int, home: Path
) -> None:
    """Those that the default run has time for."""
    assert all_wrong(render, home, NAMES[render], some(whole(render, home, 100), every)) == []


@pytest.mark.slow
def test_killed_while_the_result_gets_its_name_it_comes_out_the_same(home: Path) -> None:
    """The last three files that get their names: the mark, the result and its report."""
    made = whole(renders.video_, home, 150)
    renamed = [number for number, name in enumerate(made["MainThread"], 1) if name == "replace"]
    chains = [(Kill(number, behind),) for number in renamed[-3:] for behind in (False, True)]
    assert all_wrong(renders.video_, home, NAMES[renders.video_], chains) == []


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize(
    ("render", "least", "every"),
    [
        (renders.video_, 150, 11),
        (renders.zoom, 100, 11),
        (renders.real, 150, 37),
        (renders.real_zoom, 150, 37),
        (renders.album, 100, 15),
        # what these do otherwise they do in a few places: of their kills some will do
        (renders.pictures, 200, 19),
        (renders.seldom, 50, 11),
        (renders.replaced, 200, 19),
        (renders.piece, 100, 11),
        (renders.zoomed, 150, 19),
        (renders.enlarged, 150, 19),
    ],
)
def test_killed_at_any_moment_it_comes_out_the_same(
    render: Callable[[Path], Path], least: int, every: int, home: Path
) -> None:
    assert all_wrong(render, home, NAMES[render], some(whole(render, home, least), every)) == []


@pytest.mark.slow
@pytest.mark.parametrize("apart", [7, 29])
def test_killed_again_and_again_it_comes_out_the_same(apart: int, home: Path) -> None:
    """Each run is killed too, at a moment of its own."""
    whole(renders.pictures, home, 100)
    chains = [
        tuple(Kill((first + apart * turn) % 40 + 1, bool(turn % 2)) for turn in range(6))
        for first in range(0, 40, 4)
    ]
    assert all_wrong(renders.pictures, home, "x", chains) == []


@pytest.mark.slow
def test_killed_each_time_after_as_many_calls_it_gets_to_its_end(home: Path) -> None:
    """Whatever a run came to is kept: ninety calls are enough to begin, and for a frame more."""
    whole(renders.zoomed, home, 150)
    folder = home / "again"
    folder.mkdir()
    for _ in range(20):
        code = run(renders.zoomed, folder, Kill(90, True))
        if not difference(folder / "x.mp4", home / "whole" / "x.mp4"):
            break
        assert code == -signal.SIGKILL, folder.with_suffix(".err").read_text()
    else:
        pytest.fail("no end")
