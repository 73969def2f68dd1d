"""Errors that the user can fix: one line that says how, exit code 2, nothing left behind."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import numpy as np
import pytest
from helpers.clips import FFV1, counted, write
from helpers.clips import run as ffmpeg
from helpers.command_line import run
from helpers.sampling import every

BAD_INPUTS = [
    ("input=notes.mp4", "decode"),
    ("input=empty.mp4", "0 bytes"),
    ("input=cut.mp4", "decode"),
    ("input=sound.mp4", "only sound"),
    ("input=sound.wav", "video or picture"),
    ("input=folder", "at least one picture"),
    ("input=fifo.mp4", "pipe"),
    ("input=missing.mp4", "No such file"),
    ("input=dot.mkv", "16x16"),
    ("input=https://a.example/b?v=1&x=2", "got the URL https://a.example/b?v=1&x=2; download it"),
    ("input=", "input="),
    ("input=${oc.env:HOME}.mp4", "${oc.env:HOME}.mp4"),  # a name, and not what it would resolve to
]
BAD_KEYS = [
    ("dreamer.octavs=3", "dreamer.octavs", "dreamer.octaves"),
    ("inptu=x", "inptu", "did you mean input?"),
    ("modle=googlenet", "modle", "did you mean model?"),
    ("+dreamer.foo=1", "dreamer.foo", "not a setting"),
    ("+dreamer.octavs=1", "dreamer.octavs", "did you mean dreamer.octaves"),
    ("+foo=1", "foo", "not a setting"),
    ("~seed", "seed", "got ~seed; remove that"),
    ("~dreamer", "dreamer", "remove ~dreamer"),
    ("~objective", "objective", "remove ~objective"),
    ("~dreamer.octaves", "dreamer.octaves", "must be set", "remove ~dreamer.octaves"),
    ("+dreamer=none", "dreamer", "without the +"),
    ("--multirn", "--multirn", "did you mean --multirun?"),
    ("seed", "KEY=VALUE", "set seed=VALUE"),
    ("=3", "KEY=VALUE", "no key"),
]
BAD_CHOICES = [
    ("model=efficientnet_lte0", "model", "did you mean efficientnet_lite0"),
    ("dreamer=5", "dreamer", "none, octaves", "'5'"),
    ("dreamer=", "dreamer", "none, octaves", "''"),
    ("dreamer=null", "dreamer", "none, octaves", "null"),
    ("dreamer={a:1}", "dreamer=none"),
    ("dreamer.iterations=99999999999", "at most 10000", "set dreamer.iterations=20"),
    ("flow.descents=99999999999", "at most 1000", "set flow.descents="),
    ("limits.memory=1e308", "limits.memory: must be at most"),
    ("end=1e13", "end: must be at most 1e+09", "set end=null"),
    ("limits=[]", "limits: must be a value of the type", "--help limits"),
    ("dreamer=[none,octaves]", "dreamer", "one choice"),
    ("model=torchvision", "model.name", "must be set"),
    ("look=fur,eyes", "look: must be one choice, got fur,eyes; add -m to render each of them"),
    ("objective.layers=blocks.9,blocks.5", "add -m", "set 'objective.layers=[blocks.9,blocks.5]'"),
    ("objective.layers=nothing.3", "objective.layers", "'nothing.3'", "similar names are"),
    ("dreamer._target_=os.system", "dreamer._target_", "os.system", "trust=[os]"),
    # ours by its first name, but not by where it comes from
    ("dreamer._target_=pipeline.source.video.os.system", "class or function of pipeline"),
    ("dreamer._target_=pipeline.nothing.Here", "pipeline.nothing.Here"),
]
BAD_VALUES = [
    ("dreamer.octaves=0", "dreamer.octaves", "at least 1", "got 0", "set dreamer.octaves=auto"),
    ("dreamer.octaves=2.5", "dreamer.octaves", "a whole number", "2.5"),
    ("dreamer.octaves=many", "dreamer.octaves", "known variables, got 'many'"),
    ("dreamer.octaves=true", "dreamer.octaves", "a number", "true"),
    ("dreamer.octaves=null", "dreamer.octaves", "a whole number", "null"),
    ("dreamer.octaves=[1,2]", "dreamer.octaves", "a whole number", "[1, 2]"),
    ("dreamer.octaves=[1,2", "dreamer.octaves", "'[1,2'"),
    ("dreamer.octaves=1,2", "dreamer.octaves", "one value", "-m"),
    ("dreamer.octaves=${nothing}", "dreamer.octaves", "nothing"),
    ("warp.persistence=2", "warp.persistence", "at most 1", "got 2"),
    ("warp.persistence=nan", "warp.persistence", "nan"),
    (
        "warp.persistence=1+",
        "warp.persistence: must be a valid expression, got a syntax error at column",
        "'1+'",
    ),
    (
        "warp.persistence=1-t*bas",
        "known variables, got 'bas' at column 5",
        "did you mean bass or bar?",
    ),
    ("warp.persistence=().__class__", "something else at column 1"),
    ("warp.persistence=__import__('os').getpid()", "must use known functions, got", "at column 1"),
    (
        "warp.persistence=clamp(1/(t-0.04),0,1)",
        "warp.persistence",
        "division by zero",
        "0.04 s (frame 1)",
    ),
    ("warp.persistence=1e999*0", "warp.persistence", "finite", "nan"),
    ("warp.persistence=1+t", "must be at most 1, got 1.04 at 0.04 s (frame 1)"),
    ("warp.persistence=bass", "audio: must be set", "audio=FILE"),
    ("dreamer.octave_scale=0*t", "dreamer.octave_scale", "more than 1, got 0.0"),
    ("flow.descents=2*4", "flow.descents", "a whole number"),
    ("audio=nowhere.mp3", "audio: must be a readable file"),
    ("seed=-1", "seed", "-1"),
    ("seed=abc", "seed", "abc"),
    # source.frames is what refuses it, but the user said frames
    ("frames=0", "frames: must be at least 1, got 0", "frames=null"),
    ("start=90", "start", "0.2 s", "90"),
    ("end=0", "end: must be more than 0"),
    ("width=4", "width", "16", "4x2"),
    ("device=cuda:99", "device", "cpu", "cuda:99", "device=auto"),
    ("precision=half", "precision: must be auto, float32, tf32, bf16 or fp16", "'half'"),
    ("precision=16", "precision: must be", "got 16"),
    ("compile=inductor", "compile: must be auto, graphs or none", "'inductor'", "compile=auto"),
    (
        "compile=graphs",
        "compile: must be auto or none without an NVIDIA GPU",
        "got graphs on cpu",
        "compile=auto",
    ),
    ("tile=half", "tile: must be auto, null, or a number of pixels", "'half'", "set tile=auto"),
    ("tile=0", "tile: must be", "got 0"),
    ("tile=true", "tile: must be", "True"),
    ("tile=10", "tile: must be at least 192", "got 10", "set tile=auto"),
    ("tile_memory=0", "tile_memory: must be auto or a number above 0, in GiB, got 0"),
    ("tile_memory=much", "tile_memory: must be", "'much'", "set tile_memory=auto"),
    ("overwrite=maybe", "overwrite", "true or false", "maybe"),
    ("trust=5", "trust", "list"),
    ("objective.weights=[1,2]", "objective.weights", "one number per layer"),
    ("objective.label=Käse", "objective.label", "Käse"),
]
BAD_OUTPUTS = [
    ("output=clip.mp4", "must not be the input"),
    ("output=link.mp4 overwrite=true", "must not be the input"),
    ("output=./folder/../clip.mp4 overwrite=true", "must not be the input"),
    ("input=shots output=shots overwrite=true", "must not be the input"),
    ("input=shots/0.png output=shots overwrite=true", "must not be the input"),
    ("input=shots frames=1 output=shots/1.png overwrite=true", "must not be the input"),
    ("output=x.gif encoder=h264", ".mp4", ".mov", ".mkv", "x.gif", "encoder=gif"),
    ("output=x.xyz", ".mp4", ".webm", ".gif", "x.xyz"),
    ("output=x.png", "one picture", "frames=1"),
    ("output=nowhere/x.mp4", "nowhere", "create it first"),
    ("output=old.mp4", "old.mp4", "overwrite=true"),
    ("output=hung.mp4", "hung.mp4", "overwrite=true"),
    # what lies in that folder no render made
    ("output=kept overwrite=true", "kept/notes.txt", "another folder"),
    ("output=", "file name", "output=NAME.mp4"),
    ("output=ftp://a.example/x.mp4", "local file", "ftp://a.example/x.mp4", "set output=FILE"),
    ("output=. overwrite=true", "file name"),
    ("output=.. overwrite=true", "file name"),
    ("output=" + "x" * 245 + ".mp4", "249 bytes"),
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a good clip and all that can be wrong with one."""
    folder = tmp_path_factory.mktemp("errors") / "here"
    folder.mkdir()
    clip = counted(folder / "clip.mp4", frames=5)
    (folder / "link.mp4").symlink_to("clip.mp4")
    (folder / "hung.mp4").symlink_to("nothing.mp4")
    (folder / "notes.mp4").write_text("no video")
    (folder / "old.mp4").write_text("a video of old")
    (folder / "empty.mp4").touch()
    (folder / "cut.mp4").write_bytes(clip.read_bytes()[: clip.stat().st_size // 2])
    ffmpeg("-f", "lavfi", "-i", "sine=d=0.2", "-c:a", "aac", str(folder / "sound.mp4"))
    ffmpeg("-f", "lavfi", "-i", "sine=d=0.2", str(folder / "sound.wav"))
    write(folder / "dot.mkv", [np.zeros((1, 1, 3), np.uint8)] * 3, *FFV1)
    os.mkfifo(folder / "fifo.mp4")
    for name in ("folder", "kept", "shots"):
        (folder / name).mkdir()
    (folder / "kept" / "notes.txt").write_text("not to be lost")
    for number in range(2):
        ffmpeg("-f", "lavfi", "-i", "color=s=64x64", "-frames:v", "1",
               str(folder / "shots" / f"{number}.png"))  # fmt: skip
    return folder


@pytest.mark.parametrize(("argument", "word"), every(3, BAD_INPUTS))
def test_a_bad_input_is_named_with_what_it_must_be(
    unchanged: Path, argument: str, word: str
) -> None:
    line = run(argument, cwd=unchanged).line
    assert line.startswith("input: must")
    assert word in line


@pytest.mark.parametrize(
    "case",
    every(6, [pytest.param(case, id=case[0]) for case in BAD_KEYS + BAD_CHOICES + BAD_VALUES]),
)
def test_a_bad_setting_is_named_with_rule_value_and_remedy(
    unchanged: Path, case: tuple[str, ...]
) -> None:
    argument, *words = case
    line = run("input=clip.mp4", argument, cwd=unchanged).line
    assert not [word for word in words if word not in line], line


@pytest.mark.parametrize(
    "case", every(4, [pytest.param(case, id=case[0][:40]) for case in BAD_OUTPUTS])
)
def test_a_bad_output_is_refused_and_nothing_is_lost(
    unchanged: Path, case: tuple[str, ...]
) -> None:
    arguments, *words = case
    line = run("input=clip.mp4", *arguments.split(" "), cwd=unchanged).line
    assert line.startswith("output: ")
    assert not [word for word in words if word not in line], line
    assert (unchanged / "old.mp4").read_text() == "a video of old"


def test_a_setting_of_another_choice_is_named_with_that_choice(unchanged: Path) -> None:
    line = run("input=clip.mp4", "dreamer=none", "dreamer.octaves=3", cwd=unchanged).line
    assert "dreamer.octaves" in line
    assert "set dreamer=feedback or dreamer=octaves" in line


def test_nothing_at_all_is_answered_with_how_to_begin(unchanged: Path) -> None:
    ran = run(cwd=unchanged)
    assert ran.code == 2
    assert ran.err.startswith("usage: dreamreel INPUT")


@pytest.mark.parametrize("size", every(4, ["12k", "4k", "24k", "100k"]))
def test_a_full_disk_is_named_and_left_empty(tmp_path: Path, size: str) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (20, 48, 64, 3), np.uint8)
    write(tmp_path / "noise.mkv", list(noise), *FFV1)  # 180 KB that cannot be made smaller
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(disk)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("a small disk can only be mounted by root")
    try:
        ran = run("input=noise.mkv", "output=disk/x.mkv", "dreamer=none", cwd=tmp_path)
        assert ran.code == 2
        # what was said before of the first frame is no error
        assert "space" in ran.err.splitlines()[-1]
        assert "Traceback" not in ran.err
        assert list(disk.iterdir()) == []
    finally:
        subprocess.run(["umount", str(disk)], check=True)
