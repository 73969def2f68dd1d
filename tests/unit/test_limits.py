"""Limits are settings: each is named by what it refuses, as the user writes it."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from helpers.clips import FFV1, counted, limited, video
from helpers.clips import run as ffmpeg
from helpers.command_line import rendered, run
from helpers.sampling import every

from pipeline.errors import UserError

LINUX = pytest.mark.skipif(sys.platform != "linux", reason="only Linux holds a process to it")
BAD_LIMITS = [
    *((f"limits.{name}={value}", f"limits.{name}: must be ", f"set limits.{name}={default}")
      for name, default in (("pixels", 67108864), ("frames", 5000000), ("gap_seconds", 300),
                            ("rate", 1000), ("stall_seconds", 60))
      for value in ("-1", "much", "null", "[1]")),
    ("limits.frames=true", "limits.frames: must be a number, got true"),
    ("limits.memory=-1", "limits.memory: must be more than 0, got -1"),
    ("limits.memory=much", "limits.memory: must be a number"),
    ("limits.stall_seconds=inf", "limits.stall_seconds: must be a finite number"),
    ("limits.pixels=1e12", "limits.pixels: must be less than"),
    ("limits.pixls=5", "limits.pixls: is not a setting; did you mean limits.pixels"),
    ("+limits.pixls=5", "limits.pixls: is not a setting", "did you mean limits.pixels"),
    ("~limits.frames", "limits.frames: must be set"),
    ("~limits", "limits: must exist"),
    ("limits=5", "limits: must be a group of settings, got 5"),
    ("limits=null", "limits: must be a group of settings, got None"),
]  # fmt: skip
REFUSED = [
    ("input=clip.mp4 limits.pixels=1000", "input: ", "limits.pixels=1000"),
    ("input=clip.mp4 limits.frames=10", "input: ", "limits.frames=10", "got 20"),
    ("input=clip.mp4 frames=30 limits.frames=25", "frames: ", "limits.frames=25", "got 30"),
    ("input=clip.mp4 limits.gap_seconds=0.01", "input: ", "limits.gap_seconds=0.01"),
    ("input=clip.mp4 limits.rate=24", "input: ", "limits.rate=24", "got 25"),
    ("input=clip.mp4 width=5000 limits.pixels=6200", "width, height: ", "limits.pixels=6200"),
    ("input=shots limits.frames=2", "input: ", "limits.frames=2", "got 3"),
    ("input=shots limits.pixels=300", "input: ", "limits.pixels=300"),
    ("input=shots source.rate=1001", "source.rate: ", "limits.rate=1000", "got 1001"),
    ("recipe=still input=shots output=d limits.frames=2", "input: ", "limits.frames=2", "got 3"),
    ("recipe=still input=shots/1.png output=d.png limits.pixels=300", "limits.pixels=300"),
    ("recipe=zoom input=shots/1.png limits.pixels=300", "limits.pixels=300"),
    ("recipe=zoom source.seconds=86400 limits.frames=100", "source.seconds: ",
     "limits.frames=100", "got 2592000"),
    ("recipe=zoom frames=101 limits.frames=100", "frames: ", "limits.frames=100"),
    ("recipe=zoom source.rate=2000", "source.rate: ", "limits.rate=1000"),
    # beside the input the same are obeyed, and the key is the file's own
    ("input=clip.mp4 mask=large.png limits.pixels=8000", "mask: ", "limits.pixels=8000"),
    ("input=clip.mp4 guide=large.png limits.pixels=8000", "guide: ", "limits.pixels=8000"),
    ("input=clip.mp4 end=0.2 mask=clip.mp4 limits.frames=10", "mask: ", "limits.frames=10"),
]  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a video of 128x48 pixels, three of its pictures, and one that is larger."""
    folder = tmp_path_factory.mktemp("limits") / "here"
    folder.mkdir()
    clip = counted(folder / "clip.mp4")
    (folder / "shots").mkdir()
    ffmpeg("-i", str(clip), "-frames:v", "3", str(folder / "shots" / "%d.png"))
    ffmpeg("-i", str(clip), "-frames:v", "1", "-vf", "scale=256:96", str(folder / "large.png"))
    return folder


@pytest.mark.parametrize("case", every(5, [pytest.param(case, id=case[0]) for case in BAD_LIMITS]))
def test_a_limit_that_is_none_is_named_with_its_default(
    unchanged: Path, case: tuple[str, ...]
) -> None:
    argument, *words = case
    line = run("input=clip.mp4", argument, cwd=unchanged).line
    assert not [word for word in words if word not in line], line


@pytest.mark.parametrize("case", every(5, [pytest.param(case, id=case[0]) for case in REFUSED]))
def test_what_asks_for_more_is_refused_by_the_limits_name(
    unchanged: Path, case: tuple[str, ...]
) -> None:
    arguments, *words = case
    line = run(*arguments.split(" "), cwd=unchanged).line
    assert not [word for word in words if word not in line], line


@pytest.mark.slow
def test_a_limit_that_is_raised_lets_through(unchanged: Path, tmp_path: Path) -> None:
    output = f"output={tmp_path}/x.mp4"
    for limits in (("limits.frames=20",), ("limits.rate=25", "limits.pixels=6144")):
        rendered("input=clip.mp4", "dreamer=none", "frames=2", output, "overwrite=true", *limits,
                 cwd=unchanged)  # fmt: skip


def test_an_unknown_number_of_frames_is_no_reason_to_refuse() -> None:
    limited(frames=1).check_frames("input", None)
    limited(frames=1).check_frames("input", 1)
    with pytest.raises(UserError, match=r"frames: must give at most limits\.frames=1 "):
        limited(frames=1).check_frames("frames", 2)


def test_the_suggested_limits_are_enough() -> None:
    with pytest.raises(UserError, match=r"; set frames=1, or limits\.frames=2$"):
        limited(frames=1).check_frames("frames", 2)
    rate = 1234561.4  # which six digits would round down
    with pytest.raises(UserError, match=r"; convert the file, or set limits\.rate=1234562$"):
        limited(rate=25).check_rate("input", rate)
    with pytest.raises(UserError, match=r"; set source\.rate=25, or set limits\.rate=26$"):
        limited(rate=25).check_rate("source.rate", 25.5)
    limited(rate=1234562).check_rate("input", rate)


@LINUX
@pytest.mark.parametrize(
    ("memory", "arguments", "words"),
    [
        # what the program takes by itself cannot be less
        ("0.01", "dreamer=none", ("limits.memory: must be at least", "got 0.01")),
        # what a decoder takes for pictures of 2560x1440 is about 0.15 GiB
        ("0.06", "input=large.mp4 device=cpu", ("limits.memory",)),
        # a step on the whole of a picture takes some GiB
        pytest.param(
            "1.5",
            "input=large.mp4 tile=null precision=float32",
            ("tile: must not be null if memory",),
            marks=pytest.mark.slow,
        ),
    ],
)
def test_too_little_memory_is_one_line_and_leaves_nothing(
    unchanged: Path, memory: str, arguments: str, words: tuple[str, ...]
) -> None:
    if "large.mp4" in arguments:
        ffmpeg("-f", "lavfi", "-i", "testsrc2=s=2560x1440:r=25:d=0.2", "-pix_fmt", "yuv420p",
               str(unchanged / "large.mp4"))  # fmt: skip
    line = run("input=clip.mp4", *arguments.split(" "), f"limits.memory={memory}",
               cwd=unchanged).line  # fmt: skip
    (unchanged / "large.mp4").unlink(missing_ok=True)
    assert not [word for word in words if word not in line], line


@LINUX
def test_a_decoder_is_held_to_the_limit_by_itself(tmp_path: Path) -> None:
    ffmpeg("-f", "lavfi", "-i", "testsrc2=s=2560x1440:r=25:d=0.4", *FFV1, str(tmp_path / "a.mkv"))
    starved = video(tmp_path / "a.mkv", limits=limited(memory=0.08, stall_seconds=5))
    with pytest.raises(
        UserError, match=r"input: must be decodable within limits\.memory=0\.08 GiB"
    ):
        list(starved.pictures())
    # twice what a 4K file takes, and a tenth of what there is by default on a machine of 8 GiB
    assert len(list(video(tmp_path / "a.mkv", limits=limited(memory=0.7)).pictures())) == 10


@pytest.mark.slow
@LINUX
def test_enough_memory_changes_nothing(unchanged: Path, tmp_path: Path) -> None:
    for name, memory in (("a", "null"), ("b", "2")):
        rendered("input=clip.mp4", "frames=2", f"limits.memory={memory}", "dreamer.iterations=2",
                 f"output={tmp_path}/{name}.mkv",
                 cwd=unchanged)  # fmt: skip
    first, second = (ffmpeg("-i", str(tmp_path / f"{name}.mkv"), "-f", "framemd5", "-")
                     for name in "ab")  # fmt: skip
    assert first == second
