"""What may befall a render: it is refused by name, nothing is lost, and the same goes on."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from helpers.clips import FFV1, counted, write
from helpers.clips import run as ffmpeg
from helpers.command_line import ended, files, rendered, run, spawn
from helpers.sampling import every
from helpers.scenes import pan

FRAMES = 12
LITTLE = ("dreamer.octaves=1", "dreamer.iterations=1", f"frames={FRAMES}", "segment_frames=5")
WORDS = ("input=clip.mkv", "output=x.mp4", *LITTLE)
LEFT = {"recipe.yaml", "render.log", "report.json"}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """What comes of a render that nothing befell."""
    folder = clip(tmp_path_factory.mktemp("whole"))
    rendered(*WORDS, cwd=folder)
    return (folder / "x.mp4").read_bytes()


def clip(folder: Path, seed: int = 0) -> Path:
    """The folder, with a clip in it."""
    write(folder / "clip.mkv", pan(14, height=64, width=96, velocity=(2, 1), seed=seed), *FFV1)
    return folder


def begun(folder: Path, *words: str, frames: int = 7) -> None:
    """Render there until so many frames are done."""
    ran = run(*(words or WORDS), cwd=folder, frames=frames)
    assert ran.code == 143, ran.err


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a clip and a render that was ended at its seventh frame."""
    begun(clip(tmp_path))
    return tmp_path


def goes_on(folder: Path, whole: bytes) -> None:
    """The same command goes on, and its bytes are those."""
    ran = rendered(*WORDS, cwd=folder)
    assert "resuming after frame 6 of 12" in ran.err
    assert (folder / "x.mp4").read_bytes() == whole
    assert files(folder / "x.mp4.render") == LEFT


@pytest.mark.slow
def test_in_another_folder_and_from_another_one_every_byte_is_the_same(
    tmp_path: Path, whole: bytes
) -> None:
    there, out = tmp_path / "some where", tmp_path / "out"
    for made in (there, out, tmp_path / "here"):
        made.mkdir()
    clip(there)
    words = (f"input={there}/clip.mkv", "output=../out/x.mp4", *LITTLE)
    begun(tmp_path / "here", *words)
    # gone on with from yet another folder, by other names for the same files
    rendered("input=some where/clip.mkv", f"output={out}/x.mp4", *LITTLE, cwd=tmp_path)
    assert (out / "x.mp4").read_bytes() == whole


@pytest.mark.parametrize(
    ("words", "told"),
    every(
        7,
        [
            (("seed=1", "frames=9"), "frames=9 (was 12), seed=1 (was 0)"),
            (("model=efficientnet_lite1",), "other contents of the weights"),
            (("dreamer.iterations=2",), "dreamer.iterations=2 (was 1)"),
            (("segment_frames=4",), "segment_frames=4 (was 5)"),
            (("look=bands",), "objective.layers="),
            (("encoder=hevc",), "encoder.codec=libx265 (was libx264)"),
            (("mask=clip.mkv",), "mask=clip.mkv (was None)"),
        ],
    ),
)
def test_other_settings_are_refused_by_name(
    folder: Path, whole: bytes, words: tuple[str, ...], told: str
) -> None:
    given = [word for word in WORDS if word.partition("=")[0] not in
             {other.partition("=")[0] for other in words}]  # fmt: skip
    line = run(*given, *words, cwd=folder).line
    assert line.startswith("output: the render in x.mp4.render must be resumed with ")
    assert told in line
    assert line.endswith("; undo that, or set overwrite=true to start over")
    goes_on(folder, whole)


@pytest.mark.slow
def test_what_makes_no_other_picture_may_be_said_anew(folder: Path, whole: bytes) -> None:
    ran = rendered(*WORDS, "save_seconds=1", "limits.frames=99", "device=cpu", cwd=folder)
    assert "resuming after frame 6 of 12" in ran.err
    assert (folder / "x.mp4").read_bytes() == whole


@pytest.mark.slow
def test_another_input_is_refused_by_name_and_with_leave_begun_anew(
    folder: Path, whole: bytes
) -> None:
    kept = (folder / "clip.mkv").read_bytes()
    clip(folder, seed=4)
    line = run(*WORDS, cwd=folder).line
    assert "got other contents of input; " in line
    (folder / "other.mkv").write_bytes(kept)
    line = run("input=other.mkv", *WORDS[1:], cwd=folder).line
    assert "input=other.mkv (was clip.mkv)" in line
    ran = rendered(*WORDS, "overwrite=true", cwd=folder)
    assert "starting over because of other contents of input" in ran.err
    assert (folder / "x.mp4").read_bytes() != whole


@pytest.mark.slow
def test_other_weights_are_refused_by_name(tmp_path: Path) -> None:
    clip(tmp_path)
    # a small network of torchvision's, with weights of one's own that are random
    code = "from torchvision.models import squeezenet1_1 as n; import torch, sys; "
    code += "[(torch.manual_seed(i), torch.save(n(num_classes=2).state_dict(), f'{i}.pth')) "
    code += "for i in (0, 1)]"
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True)
    shutil.copy(tmp_path / "0.pth", tmp_path / "w.pth")
    words = (*WORDS, "model=torchvision", "model.name=squeezenet1_1", "model.weights=w.pth",
             "objective.layers=[features.4]")  # fmt: skip
    begun(tmp_path, *words, frames=3)
    shutil.copy(tmp_path / "1.pth", tmp_path / "w.pth")
    refused = run(*words, cwd=tmp_path)
    assert refused.code == 2
    assert "got other contents of " in refused.err.splitlines()[-1]
    shutil.copy(tmp_path / "0.pth", tmp_path / "w.pth")
    assert "resuming after frame 2" in rendered(*words, cwd=tmp_path).err


@pytest.mark.slow
def test_other_code_is_refused_by_name(tmp_path: Path) -> None:
    counted(tmp_path / "clip.mkv", *FFV1, frames=4)
    root = Path(__file__).parents[2]
    for part in ("pipeline", "conf"):
        shutil.copytree(root / part, tmp_path / "copy" / part)
    asked = ("-m", "pipeline", "input=clip.mkv", "output=x.mkv", "dreamer=none", "save_seconds=0")
    here = {"PYTHONPATH": str(tmp_path / "copy"), "PYTHONSAFEPATH": "1"}
    # it breaks at the third frame, in a way that leaves no trace in the code
    breaking = "import pipeline.recording.recording as r; add = r.Recording.add\n"
    breaking += "def once(s, p, b, n, **o):\n add(s, p, b, n, **o)\n"
    breaking += " if n.index == 2: raise SystemExit(143)\n"
    breaking += "r.Recording.add = once; import pipeline.__main__ as m, sys; "
    breaking += f"sys.argv[1:] = {asked[2:]!r}; m.main()"
    assert ended(spawn("-c", breaking, cwd=tmp_path, **here)).code == 143
    changed = tmp_path / "copy" / "pipeline" / "warp.py"
    before = changed.read_text()
    changed.write_text(before + "# a word\n")
    ran = ended(spawn(*asked, cwd=tmp_path, **here))
    assert ran.code == 2
    assert "got other code of pipeline; undo that" in ran.err
    changed.write_text(before)
    assert ended(spawn(*asked, cwd=tmp_path, **here)).code == 0


@pytest.mark.slow
def test_another_number_of_threads_is_refused_by_name(folder: Path, whole: bytes) -> None:
    ran = ended(spawn("-m", "pipeline", *WORDS, cwd=folder, OMP_NUM_THREADS="2"))
    assert ran.code == 2
    assert "got OMP_NUM_THREADS=2 (was 1); undo that" in ran.err
    goes_on(folder, whole)


@pytest.mark.slow
def test_a_number_of_threads_that_was_chosen_for_the_user_is_kept(
    folder: Path, whole: bytes
) -> None:
    """Begun with one thread, when others used the other core, it is resumed with one."""
    chosen = {"OMP_NUM_THREADS": "2", "DREAMREEL_NUM_THREADS": "2"}
    ran = ended(spawn("-m", "pipeline", *WORDS, cwd=folder, **chosen))
    assert ran.code == 0, ran.err
    assert "after frame " in ran.err.splitlines()[0]
    assert (folder / "x.mp4").read_bytes() == whole
    report = json.loads((folder / "x.mp4.render" / "report.json").read_text())
    assert report["threads"] == 1


@pytest.mark.slow
@pytest.mark.parametrize("how", ["replaced", pytest.param("written into", marks=pytest.mark.slow)])
def test_an_input_that_changes_meanwhile_is_refused_and_nothing_of_it_is_kept(
    tmp_path: Path, whole: bytes, how: str
) -> None:
    clip(tmp_path)
    kept = (tmp_path / "clip.mkv").read_bytes()
    (tmp_path / "others").mkdir()
    other = clip(tmp_path / "others", seed=4) / "clip.mkv"
    many = ("dreamer.upkeep_iterations=20", "save_seconds=0")
    process = spawn("-m", "pipeline", *WORDS, *many, cwd=tmp_path)
    assert process.stderr is not None
    while not process.stderr.readline().startswith("frame 1 of"):
        assert process.poll() is None
    if how == "replaced":
        other.replace(tmp_path / "clip.mkv")
    else:
        with (tmp_path / "clip.mkv").open("r+b") as file:
            file.write(other.read_bytes()[:900])
    ran = ended(process)
    assert ran.code == 2
    last = ran.err.splitlines()[-1]
    assert last.startswith("input: must not change during the render, got other contents in ")
    assert not (tmp_path / "x.mp4").exists()
    (tmp_path / "clip.mkv").write_bytes(kept)
    assert rendered(*WORDS, *many, cwd=tmp_path).code == 0


@pytest.mark.slow
def test_two_renders_of_one_output_do_each_other_no_harm(tmp_path: Path) -> None:
    clip(tmp_path)
    many = (*WORDS, "dreamer.upkeep_iterations=20")
    first = spawn("-m", "pipeline", *many, cwd=tmp_path)
    assert first.stderr is not None
    while not first.stderr.readline().startswith("frame 1 of"):
        assert first.poll() is None
    line = run(*many, cwd=tmp_path).line
    assert line.startswith("output: only one render at a time may use x.mp4.render, got a second ")
    assert str(first.pid) in line
    assert ended(first).code == 0
    assert files(tmp_path / "x.mp4.render") == LEFT


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of its own, which only root can have."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(disk)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("a small disk can only be mounted by root")
    yield disk
    subprocess.run(["umount", str(disk)], check=True)


def resized(disk: Path, options: str) -> None:
    subprocess.run(["mount", "-o", f"remount,{options}", str(disk)], check=True)


@pytest.mark.parametrize(
    "free", [500, *(pytest.param(size, marks=pytest.mark.slow) for size in range(440, 580, 20))]
)
def test_on_a_full_disk_it_ends_cleanly_and_goes_on_when_there_is_room(
    tmp_path: Path, disk: Path, free: int
) -> None:
    """Enough to begin, never enough to end: it strikes in spool, state, encoder or join."""
    clip(tmp_path)
    lossless = ("input=clip.mkv", *LITTLE)  # of 280 KB, twice that while it is joined
    rendered(*lossless, "output=plain.mkv", cwd=tmp_path)
    words = (*lossless, "output=disk/x.mkv", "save_seconds=0")
    resized(disk, "size=64m")
    filler = disk / "filler"
    filler.write_bytes(bytes(1 << 20))
    resized(disk, f"size={(1 << 20) + (free << 10)}")
    ran = run(*words, cwd=tmp_path)
    assert ran.code == 2, ran.err
    last = ran.err.splitlines()[-1]
    assert "space" in last
    assert "free some" in last
    assert "Traceback" not in ran.err
    assert not (disk / "x.mkv").exists()
    resized(disk, "size=64m")
    rendered(*words, cwd=tmp_path)
    assert (disk / "x.mkv").read_bytes() == (tmp_path / "plain.mkv").read_bytes()
    assert files(disk / "x.mkv.render") == LEFT


def contents(folder: Path) -> dict[str, bytes]:
    """Every picture in the folder."""
    return {path.name: path.read_bytes() for path in folder.glob("*.png")}


@pytest.mark.slow
@pytest.mark.parametrize("recipe", ["video", "still"])
def test_on_a_full_disk_a_folder_of_pictures_goes_on_when_there_is_room(
    tmp_path: Path, disk: Path, recipe: str
) -> None:
    """Frames of a video, and stills each by itself, from no room at all to enough."""
    clip(tmp_path)
    (tmp_path / "stills").mkdir()
    ffmpeg("-i", str(tmp_path / "clip.mkv"), "-frames:v", "5", str(tmp_path / "stills" / "%d.png"))
    input_ = {"video": "clip.mkv", "still": "stills"}[recipe]
    words = (f"recipe={recipe}", f"input={input_}", *LITTLE, "save_seconds=0")
    rendered(*words, "output=whole", cwd=tmp_path)
    resized(disk, "size=64m")
    (disk / "filler").write_bytes(bytes(1 << 20))
    struck = 0
    for free in range(40, 2000, 30):
        resized(disk, f"size={(1 << 20) + (free << 10)}")
        ran = run(*words, "output=disk/x", cwd=tmp_path)
        if ran.code == 0:
            break
        struck += bool(list(disk.glob("x*/*")))
        assert ran.code == 2, ran.err
        last = ran.err.splitlines()[-1]
        assert "space" in last, ran.err
        assert "Traceback" not in ran.err
    else:
        pytest.fail("never enough")
    assert struck >= 2, "it was refused before anything was there"
    assert contents(disk / "x") == contents(tmp_path / "whole")


@pytest.mark.slow
def test_a_disk_that_cannot_be_written_is_one_line(tmp_path: Path, disk: Path) -> None:
    clip(disk)
    resized(disk, "ro")
    line = run("input=disk/clip.mkv", "output=disk/x.mp4", *LITTLE, cwd=tmp_path).line
    assert line == (
        "output: disk/x.mp4.render must be writable, got 'Read-only file system'; choose another "
        "folder"
    )
    rendered("input=disk/clip.mkv", "output=x.mp4", *LITTLE, cwd=tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("whom", ["the process", "its group"])
@pytest.mark.parametrize("seed", range(2))
def test_killed_at_a_random_moment_it_goes_on(
    tmp_path: Path, whole: bytes, whom: str, seed: int
) -> None:
    clip(tmp_path)
    random = np.random.default_rng(seed)
    for _ in range(40):
        process = subprocess.Popen(
            [sys.executable, "-m", "pipeline", *WORDS, "save_seconds=0.2"],
            cwd=tmp_path, env={**os.environ, "OMP_NUM_THREADS": "1"}, start_new_session=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
        try:
            process.communicate(timeout=7 + 7 * random.random())
        except subprocess.TimeoutExpired:
            if whom == "the process":
                process.kill()
            else:
                os.killpg(process.pid, signal.SIGKILL)
        said, _ = process.communicate(timeout=10)
        # killed behind the very last of it, when only Python had yet to end, it was whole by then
        if process.returncode == 0 or b"output: must not exist yet" in said:
            break
        assert process.returncode == -9, said
    assert (tmp_path / "x.mp4").read_bytes() == whole
    assert files(tmp_path / "x.mp4.render") == LEFT
