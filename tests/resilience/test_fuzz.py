"""Broken files through probe and decode: pictures or one error, in time, in little memory.

The limits are those of the yaml, but for two things: no more than a few frames are taken, for a
file may ask for as many as it is allowed, and silence is not waited out for a minute.
"""

from __future__ import annotations

import logging
import multiprocessing
import re
import subprocess
import threading
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pytest
from helpers import mutation
from helpers.clips import FITTING, images, limited, video

from pipeline.errors import UserError
from pipeline.source.images import Images
from pipeline.source.matte import PictureMattes, VideoMattes
from pipeline.source.still import Still
from pipeline.source.video import Video

SECONDS = 10
"""The longest that one file may take."""
MEMORY = 512 << 10
"""KiB that we may come to hold more than at the start, and that an ffmpeg of ours may hold."""
LEAST = limited(stall_seconds=SECONDS)
FEW: dict[str, Any] = {"frames": 30, "limits": LEAST}


@dataclass(frozen=True)
class Came:
    """What came of a file: pictures, refused, or fault with its traceback.

    ours, ffmpegs: the most KiB held, so far in this process.
    """

    name: str
    seed: int
    kind: str
    text: str
    seconds: float
    ours: int
    ffmpegs: int


def still(path: Path) -> Still:
    return Still(path, None, None, FITTING, "keep", LEAST)


def mattes(path: Path) -> PictureMattes:
    return PictureMattes(**asdict(images(path, **FEW)))


def video_mattes(path: Path) -> VideoMattes:
    return VideoMattes(**asdict(video(path, **FEW)))


def moving(path: Path) -> Video:
    return video(path, **FEW)


def folder(path: Path) -> Images:
    return images(path, **FEW)


SOURCES: dict[str, tuple[Callable[[Path], Any], ...]] = {
    **dict.fromkeys(mutation.VIDEOS, (moving, video_mattes)),
    **dict.fromkeys(mutation.PICTURES, (folder, still, mattes)),
}
"""Name of a good file -> what its broken ones are read as, in turn."""


def came_of(seed: int, good: Path) -> Came:
    """What comes of the broken file of that number. good: the folder of good files."""
    turn, which = divmod(seed, len(SOURCES))
    name = list(SOURCES)[which]
    read = SOURCES[name][turn % len(SOURCES[name])]
    path = good / f"{seed}-{name}"
    path.write_bytes(mutation.mutated((good / name).read_bytes(), seed))
    start, kind, text = time.monotonic(), "pictures", ""
    try:
        with warnings.catch_warnings(action="error"):
            source = read(path)
            shape = (source.clip.height, source.clip.width, 3)
            assert all(picture.shape == shape for picture in source.pictures())
    except UserError as error:
        kind, text = "refused", str(error)
        assert text.isprintable(), text
    except BaseException:
        kind, text = "fault", traceback.format_exc()
    seconds = time.monotonic() - start
    path.unlink()
    return Came(name, seed, kind, text, seconds, most_held() - Watched.before, Watched.most)


def most_held(process: int | str = "self") -> int:
    """KiB, the most that this process has held until now; 0 = it has ended, or is still a fork."""
    try:
        said = Path(f"/proc/{process}/status").read_text()
    except OSError:
        return 0
    held = re.search(r"VmHWM:\s+(\d+) kB", said)
    mere_fork = process != "self" and not said.startswith("Name:\tffmpeg")
    return int(held[1]) if held and not mere_fork else 0


class Watched(subprocess.Popen[bytes]):
    """A process that is looked at every few milliseconds, for the most memory that it held.

    Its rusage would not do: until it is ffmpeg it shares our memory, and that counts.
    """

    before, most = 0, 0

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        threading.Thread(target=self._watch, daemon=True).start()

    def _watch(self) -> None:
        while self.returncode is None:
            Watched.most = max(Watched.most, most_held(self.pid))
            time.sleep(0.004)


def ready() -> None:
    """Prepares a process: what is said of damage is not what this is about."""
    logging.disable(logging.CRITICAL)
    subprocess.Popen = Watched  # type: ignore[misc]
    Path("/proc/self/clear_refs").write_text("5")  # what importing took is forgotten
    Watched.before = most_held()


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of good files."""
    folder = tmp_path_factory.mktemp("fuzz")
    for make, names in ((mutation.video, mutation.VIDEOS), (mutation.picture, mutation.PICTURES)):
        for name in names:
            make(folder / name)
    return folder


@pytest.mark.parametrize("name", SOURCES)
def test_every_seed_is_good_before_it_is_broken(good: Path, name: str) -> None:
    for read in SOURCES[name]:
        assert list(read(good / name).pictures())


@pytest.mark.timeout(1200)
@pytest.mark.parametrize(
    "count", [76, pytest.param(2000, marks=[pytest.mark.slow, pytest.mark.alone])]
)
def test_broken_files_give_pictures_or_one_error(good: Path, count: int) -> None:
    fresh = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(2, mp_context=fresh, initializer=ready) as pool:
        came = list(pool.map(came_of, range(count), [good] * count))
    slowest = max(came, key=lambda one: one.seconds)
    print(Counter(one.kind for one in came), f"slowest {slowest.seconds:.1f} s: {slowest.seed}")
    print(*(f"{max(getattr(one, who) for one in came) >> 10} MiB {who}"
            for who in ("ours", "ffmpegs")))  # fmt: skip
    faults = [one for one in came if one.kind == "fault"]
    assert not faults, f"{len(faults)} faults, the first: {faults[0]}"
    assert slowest.seconds < SECONDS, slowest
    fattest = max(came, key=lambda one: max(one.ours, one.ffmpegs))
    assert max(fattest.ours, fattest.ffmpegs) < MEMORY, fattest
    assert fattest.ffmpegs > 0
    # or the faults are so rough that nothing behind the first check was tried
    assert sum(one.kind == "pictures" for one in came) > count / 5
