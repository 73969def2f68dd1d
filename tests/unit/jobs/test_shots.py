"""A video in parts, each a job of its own: the whole has the bytes of a single process."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from helpers.clips import FFV1, video, write
from helpers.command_line import ONE_THREAD, Ran, ended, rendered, run
from helpers.rendering import At
from helpers.scenes import pan
from helpers.stages import part

from pipeline.cuts import Change
from pipeline.errors import UserError
from pipeline.frame import Clip, Picture
from pipeline.frame_range import FrameRange
from pipeline.jobs.shots import Shots, read_shots
from pipeline.sweep.plan import JobState, status_of

SCRIPT = Path(__file__).parents[3] / "scripts" / "render_shots.py"
LITTLE = ("input=clip.mkv", "dreamer.octaves=1", "dreamer.iterations=1", "segment_frames=5")


def marked(*cuts: int) -> At:
    """Cuts at these frames."""
    return At(dict.fromkeys(cuts, Change.CUT))


@dataclass(frozen=True)
class Filmed:
    """A source of these pictures."""

    held: list[Picture]
    clip: Clip

    def pictures(self, start: int = 0) -> Iterator[Picture]:
        return iter(self.held[start:])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a clip of three shots, with sound."""
    moves = (12, (2, 1), 0), (7, (0, 1), 7), (9, (1, 0), 9)
    shots = [
        np.stack(pan(count, height=64, width=64, velocity=velocity, seed=seed)) // (1 + number % 2)
        for number, (count, velocity, seed) in enumerate(moves)
    ]
    sound = ("-f", "lavfi", "-i", "sine=duration=1.12")
    pictures = np.concatenate(shots)
    write(tmp_path / "clip.mkv", list(pictures), "-c:a", "aac", "-shortest", *FFV1, before=sound)
    return tmp_path


def script(*words: str, cwd: Path) -> subprocess.Popen[str]:
    """dreamreel shots with these words."""
    return subprocess.Popen(
        [sys.executable, str(SCRIPT), *LITTLE, *words], cwd=cwd, env={**os.environ, **ONE_THREAD},
        text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True,
    )  # fmt: skip


def shots_rendered(*words: str, cwd: Path) -> Ran:
    ran = ended(script(*words, cwd=cwd))
    assert ran.code == 0, ran.err
    return ran


def test_shots_go_together_until_they_are_worth_a_job() -> None:
    pictures = [np.zeros((2, 2, 3), np.uint8)] * 30
    assert Shots.detect(pictures, marked(5, 8, 20), 1).ranges == (
        FrameRange(0, 5), FrameRange(5, 8), FrameRange(8, 20), FrameRange(20, 30)
    )  # fmt: skip
    assert Shots.detect(pictures, marked(5, 8, 20), 8).ranges == (
        FrameRange(0, 8),
        FrameRange(8, 20),
        FrameRange(20, 30),
    )
    assert Shots.detect(pictures, marked(5, 8, 25), 8).ranges == (
        FrameRange(0, 8),
        FrameRange(8, 30),
    )
    assert Shots.detect(pictures, marked(), 8).ranges == (FrameRange(0, 30),)
    assert Shots.detect(pictures, marked(5, 8, 25), 8).cuts == (5, 8, 25)
    many = [pictures[0]] * 64 * 500
    assert len(Shots.detect(many, marked(*range(100, 32_000, 100))).ranges) == 64
    assert len(Shots.detect(many[:1000], marked(*range(100, 1000, 100))).ranges) == 3
    with pytest.raises(UserError, match="source: must be a video or pictures to have"):
        Shots.detect([None], marked(), 1)


def test_what_is_too_long_is_split_and_runs_up_within_its_shot() -> None:
    pictures = [np.zeros((2, 2, 3), np.uint8)] * 30
    found = Shots.detect(pictures, marked(5, 20), 1, longest=6, run_up=4)
    assert found.ranges == (
        FrameRange(0, 5), FrameRange(5, 10), FrameRange(10, 15, 4), FrameRange(15, 20, 4),
        FrameRange(20, 25), FrameRange(25, 30, 4),
    )  # fmt: skip
    assert Shots.detect(pictures, marked(28), 1, longest=15, run_up=99).ranges == (
        FrameRange(0, 14), FrameRange(14, 28, 14), FrameRange(28, 30)
    )  # fmt: skip
    # shots that go together are split anywhere: a cut within is no reason to run up from before it
    assert Shots.detect(pictures, marked(14), 20, longest=15, run_up=9).ranges == (
        FrameRange(0, 15), FrameRange(15, 30, 1)
    )  # fmt: skip


@pytest.mark.parametrize(
    "text", ["", "5", "5-5", "9-3", "-3-5", "a-b", "1-2-3", 7, "3-5+4", "3-5+"]
)
def test_what_is_no_part_is_refused(text: object) -> None:
    with pytest.raises(UserError, match=r"^part: must be FIRST-LAST"):
        FrameRange.of(text)


def test_a_part_is_read_as_it_is_written() -> None:
    assert FrameRange.of(str(FrameRange(7, 120))) == FrameRange(7, 120)
    assert FrameRange.of(str(FrameRange(70, 120, 48))) == FrameRange(70, 120, 48)
    assert FrameRange.of(None, loop=True) is None
    with pytest.raises(UserError, match="loop: must be false if only a part is rendered"):
        FrameRange.of("0-5", loop=True)


def test_a_part_needs_a_dream_of_its_own(folder: Path) -> None:
    words = (*LITTLE, "output=y.mp4", "part=12-19", "anchors.across_cuts=true")
    ran = run(*words, cwd=folder)
    assert ran.code == 2
    assert ran.line.startswith("anchors.across_cuts: must be false if only a part is rendered")


@pytest.mark.slow
def test_parts_make_the_bytes_of_one_process(folder: Path) -> None:
    rendered(*LITTLE, "output=whole.mp4", cwd=folder)
    ran = shots_rendered("output=x.mp4", "--least", "1", cwd=folder)
    assert "x.mp4.shots: 3 parts" in ran.out
    assert read_shots(folder / "x.mp4.shots").ranges == (
        FrameRange(0, 12),
        FrameRange(12, 19),
        FrameRange(19, 28),
    )
    assert (folder / "x.mp4").read_bytes() == (folder / "whole.mp4").read_bytes()
    reports = [json.loads((folder / f"{name}.mp4.render" / "report.json").read_text())
               for name in ("x", "whole")]  # fmt: skip
    for figure in ("frames", "cuts", "gain", "flicker", "steps_per_frame", "rate"):
        assert reports[0][figure] == reports[1][figure]


@pytest.mark.slow
@pytest.mark.parametrize(
    "words", [("output=x.mov",), ("output=x",), ("output=x.mp4", "cuts=none"), ("output=x.webm",),
              ("output=x.mp4", "dreamer.step_size=0.01 + 0.01*treble", "start=0.2", "end=1")],
)  # fmt: skip
def test_parts_make_the_same_of_other_outputs_too(folder: Path, words: tuple[str, ...]) -> None:
    shots_rendered(*words, "--least", "3", cwd=folder)
    output = folder / words[0].removeprefix("output=")
    parts = content(output)
    shutil.rmtree(output) if output.is_dir() else output.unlink()
    shutil.rmtree(output.with_name(f"{output.name}.render"))
    rendered(*LITTLE, *words, cwd=folder)
    assert content(output) == parts


def content(output: Path) -> dict[str, bytes]:
    files = sorted(output.iterdir()) if output.is_dir() else [output]
    return {file.name: file.read_bytes() for file in files}


@pytest.mark.slow
def test_a_shot_that_is_split_says_how_far_its_dreams_are_apart(folder: Path) -> None:
    """With a run-up through the whole shot nothing is another dream; with a short one it is."""
    outputs = {"whole": (), "x": ("99",), "y": ("2",)}
    rendered(*LITTLE, "output=whole.mkv", cwd=folder)
    reports = {}
    for name, run_up in outputs.items():
        if run_up:
            longest = ("--least", "1", "--longest", "7", "--run-up", *run_up)
            ran = shots_rendered(f"output={name}.mkv", *longest, cwd=folder)
            assert f"2 seams, the largest difference {'0.0 at' if name == 'x' else '0.'}" in ran.out
        report = folder / f"{name}.mkv.render" / "report.json"
        reports[name] = json.loads(report.read_text())
    assert reports["whole"]["seams"] == []
    assert reports["x"]["seams"] == [{"frame": at, "difference": 0.0} for at in (6, 23)]
    assert [seam["frame"] for seam in reports["y"]["seams"]] == [6, 23]
    assert all(0.01 < seam["difference"] < 0.6 for seam in reports["y"]["seams"])
    for figure in ("frames", "cuts", "gain"):
        assert reports["x"][figure] == reports["whole"][figure]
    assert pixels(folder / "x.mkv") == pixels(folder / "whole.mkv")
    assert len(pixels(folder / "y.mkv")) == len(pixels(folder / "whole.mkv"))
    assert pixels(folder / "y.mkv") != pixels(folder / "whole.mkv")


def pixels(path: Path) -> list[bytes]:
    """Every frame of it."""
    return [picture.tobytes() for picture in video(path).pictures()]


@pytest.mark.slow
def test_who_is_killed_goes_on_with_the_parts_that_are_missing(folder: Path) -> None:
    rendered(*LITTLE, "output=whole.mp4", cwd=folder)
    process = script("output=x.mp4", "--least", "1", cwd=folder)
    first = folder / "x.mp4.shots" / "part=000000000-000000012"
    while status_of(first).state is not JobState.DONE:
        assert process.poll() is None
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGKILL)
    ended(process)
    assert not (folder / "x.mp4").exists()
    ran = shots_rendered("output=x.mp4", "--least", "1", cwd=folder)
    assert ran.out.count("(already done)") >= 1
    assert (folder / "x.mp4").read_bytes() == (folder / "whole.mp4").read_bytes()


def test_where_a_part_begins_late_its_cuts_are_those_of_the_whole() -> None:
    """Cuts, flashes and a wild camera: from any cut on they come out the same."""
    rng = np.random.default_rng(5)
    pictures: list[Picture] = []
    while len(pictures) < 400:
        count, seed = int(rng.integers(1, 25)), int(rng.integers(1 << 30))
        move = (int(rng.integers(-3, 4)), int(rng.integers(-3, 4)))
        shade = rng.uniform(0, 1, 3)
        shot = pan(count, height=48, width=64, velocity=move, seed=seed)
        shot = [(picture * shade).astype(np.uint8) for picture in shot]
        if count > 16:
            shot[8:10] = [np.full_like(shot[0], 255)] * 2  # lightning
        pictures += shot
    cuts = part("cuts", "adaptive")
    changes = [change for _, change in cuts(pictures)]
    marks = [index for index, change in enumerate(changes) if change is Change.CUT]
    assert len(marks) > 10
    assert Change.FLASH in changes
    source = Filmed(pictures, Clip(48, 64, Fraction(25)))
    for first, last in pairwise([*marks, len(pictures)]):
        late = list(FrameRange(first, last).within(cuts, source)(iter(())))
        assert len(late) == last
        assert [change for _, change in late[first:]] == changes[first:last]
        seen = [picture for picture, _ in late[first:]]
        assert all(one is other for one, other in zip(seen, pictures[first:last], strict=True))


@pytest.mark.slow
def test_what_is_missing_or_of_others_is_not_joined(folder: Path) -> None:
    shots_rendered("output=x.mp4", "--least", "1", cwd=folder)
    join = (*LITTLE, "output=y.mp4", "shots=x.mp4.shots")
    rendered(*join, cwd=folder)
    (folder / "y.mp4").unlink()
    line = run(*join, "seed=1", cwd=folder).line
    assert line.startswith("shots: must all be done with these settings, got part 000000000-")
    job = folder / "x.mp4.shots" / "part=000000012-000000019"
    (segment, *_) = (job / "dream.mp4.render").glob("segment-*")
    segment.unlink()
    assert "without some" in run(*join, cwd=folder).line
    shutil.rmtree(job)
    assert "part 000000012-000000019 in x.mp4.shots missing" in run(*join, cwd=folder).line
    assert (
        "must be a folder made by dreamreel shots"
        in run(*LITTLE, "output=y.mp4", "shots=nix", cwd=folder).line
    )
    assert not (folder / "y.mp4").exists()


@pytest.mark.slow
def test_what_cannot_be_is_one_line(folder: Path) -> None:
    for words, said in (
        (("--least", "1"), "output: must be set"),
        (("output=x.mp4", "loop=true", "loop_seconds=0.2"), "loop: must be false"),
        (("output=x.mp4", "anchors.across_cuts=true"), "anchors.across_cuts: must be false when"),
        (("output=x.mp4", "recipe=zoom"), "input: must be a picture"),
        (("output=x.mp4", "input=nix.mp4"), "input: must be a readable file"),
    ):
        ran = ended(script(*words, cwd=folder))
        assert ran.code == 2, ran.err
        assert ran.err.splitlines()[-1].startswith(said), ran.err
    assert not (folder / "x.mp4.shots").exists()
