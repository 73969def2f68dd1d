"""Awkward inputs through the whole way, undreamt: the output is right, or one line says why.

What is looked at is the output file: frames and their order by their barcodes, the rate, the size,
colours, and when its sound beeps; or else the error, and that nothing is left behind.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from helpers.clips import numbers
from helpers.command_line import TOY, Ran, files, run
from helpers.sampling import every
from helpers.tracks import beeps

from awkward import CASES
from awkward.case import MADE, Case, Refused, Right
from pipeline.ffmpeg.process import executable
from pipeline.frame import Picture

PLAIN = ("dreamer=none", "flow=none", "cuts=none", *TOY)
SYNC = 0.012
"""Seconds by which a beep may be early or late: half a packet of the usual codecs."""
RATE = re.compile(r"config in time_base: \S+ frame_rate: (\d+/\d+)")
PICTURE = re.compile(r" n: *\d+ pts: *\S+ pts_time:(\S+) .* s:(\d+)x(\d+) ")


@dataclass(frozen=True)
class Attempt:
    """A run on an input. left: what is new or changed in its folder, and who still works there."""

    output: Path
    ran: Ran
    left: list[str]


@dataclass(frozen=True)
class Seen:
    """What is in an output. times: of its pictures, in seconds. sizes: their widths and heights."""

    pictures: list[Picture]
    rate: Fraction
    times: list[float]
    sizes: set[tuple[int, int]]


def attempt(case: Case, folder: Path) -> Attempt:
    """The case's input made and put through the command line, to an output without loss."""
    made = folder / MADE
    made.mkdir(parents=True)
    case.make(made / case.file)
    before = stamps(folder)
    given = case.given or f"{MADE}/{case.file}"
    ran = run(f"input={given}", "output=out.mkv", *PLAIN, *case.more, cwd=folder)
    changed = sorted(name for name, _ in stamps(folder) ^ before)
    there = [str(p) for p in Path("/proc").glob("[0-9]*") if _works_in(p, folder)]
    return Attempt(folder / "out.mkv", ran, changed + there)


def stamps(folder: Path) -> set[tuple[str, int]]:
    """The files in the folder, and when each was written to."""
    return {(name, (folder / name).lstat().st_mtime_ns) for name in files(folder)}


def _works_in(process: Path, folder: Path) -> bool:
    try:
        return (process / "cwd").readlink().is_relative_to(folder)
    except OSError:  # it has ended meanwhile
        return False


def seen(path: Path, size: tuple[int, int]) -> Seen:
    """What a player shows of the file, whose pictures have that width and height."""
    look = ("-map", "0:V:0", "-vf", "showinfo=checksum=0,format=rgb24", "-fps_mode", "passthrough")
    words = [executable(), "-v", "info", "-nostdin", "-copyts", "-i", f"file:{path}", *look]
    done = subprocess.run([*words, "-f", "rawvideo", "-"], capture_output=True, check=True)
    said = done.stderr.decode("utf-8", "replace")
    rate = RATE.search(said.replace(",", ""))
    assert rate is not None, said
    pictures = np.frombuffer(done.stdout, np.uint8).reshape(-1, size[1], size[0], 3)
    shown = PICTURE.findall(said)
    sizes = {(int(width), int(height)) for _, width, height in shown}
    return Seen(list(pictures), Fraction(rate[1]), [float(time) for time, *_ in shown], sizes)


@pytest.fixture(scope="module")
def attempts(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Mapping[str, Future[Attempt]]]:
    """The runs of all cases that are asked for, two at a time."""
    asked = [item.callspec.params["case"] for item in request.session.items
             if item.module is request.module and hasattr(item, "callspec")]  # type: ignore[attr-defined]  # fmt: skip
    with ThreadPoolExecutor(2) as pool:
        yield {
            case.name: pool.submit(attempt, case, tmp_path_factory.mktemp("awkward") / "here")
            for case in asked
        }


def test_the_table_is_as_long_as_was_promised_and_no_case_hides_another() -> None:
    assert len({case.name for case in CASES}) == len(CASES) >= 80


@pytest.mark.parametrize(
    "case",
    every(
        12,
        [
            pytest.param(case, id=case.name, marks=[pytest.mark.slow] if case.slow else [])
            for case in CASES
        ],
    ),
)
def test_an_awkward_input_gives_what_is_right(
    case: Case, attempts: Mapping[str, Future[Attempt]]
) -> None:
    done = attempts[case.name].result()
    if isinstance(case.right, Refused):
        assert re.search(case.right.because, done.ran.line), done.ran.line
        assert done.ran.line.isprintable()
        assert done.left == []
        return
    assert done.ran.code == 0, done.ran.err
    assert all(line.isprintable() for line in done.ran.err.splitlines())
    assert set(done.left) == {"out.mkv", "out.mkv.render", *(f"out.mkv.render/{name}" for name in
                              ("recipe.yaml", "render.log", "report.json"))}  # fmt: skip
    judge(case.right, done)


def judge(right: Right, done: Attempt) -> None:
    """Nothing, if the output is right."""
    result = seen(done.output, right.size)
    assert result.sizes == {right.size}
    # matroska has the length of a frame in whole nanoseconds, and times in milliseconds
    assert abs(result.rate / right.rate - 1) < Fraction(1, 10**6), result.rate
    exact = np.arange(len(result.pictures)) / float(right.rate)
    assert np.abs(np.array(result.times) - exact).max() <= 0.00051
    found = numbers(result.pictures)
    if right.order is not None:
        assert found == list(right.order)
    if right.frames is not None:
        assert right.frames[0] <= len(found) <= right.frames[1]
    assert found[: right.begins] == list(range(right.begins))
    if len(right.colours):
        middle, step = right.size[1] // 2, right.size[0] // len(right.colours)
        patches = result.pictures[0][middle, step // 2 :: step].astype(float)
        assert np.abs(patches - np.array(right.colours)).max() <= right.off
    for track, onsets in enumerate(right.beeps):
        assert beeps(done.output, track) == pytest.approx(list(onsets), abs=SYNC)
    assert right.says in done.ran.err
    assert right.says or "damaged" not in done.ran.err
