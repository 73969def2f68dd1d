"""Renders that kill themselves at a given moment, and are then begun again until they are done.

Random kills hit the moments that matter too seldom. Here SIGKILL strikes before and behind each
call that changes what lies on the disk, or that waits for a child to end.
"""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import os
import shutil
import signal
import subprocess
import tempfile
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from multiprocessing import connection
from pathlib import Path
from typing import Any

from helpers.command_line import PRELOADED, SECONDS

from pipeline.recording.work_files import FIGURES, RANGE_FILES
from pipeline.storage.work_dir import work_dir

CALLS = ("rename", "replace", "fsync", "unlink", "remove", "rmdir", "mkdir",
         "truncate", "ftruncate")  # fmt: skip
"""Functions of os behind which nothing is as it was."""
WORKERS = 2
READING = threading.Lock()
"""Held by who reads how a process ended: it can be read once, and to start one reads all others."""
LEFT = {"recipe.yaml", "render.log", "report.json"}
"""What a finished render leaves in its work folder."""
TIMED = ("seconds_per_frame", "peak_memory_bytes")
"""Figures that are not the same twice."""


Calls = Mapping[str, Sequence[str]]
"""By the name of its thread, what was called, in order."""


@dataclass(frozen=True)
class Kill:
    """number: of the call of this thread, from 1. behind: when it has returned, and not when it
    begins. thread: what runs ahead counts for itself, or no moment could be found again.
    """

    number: int
    behind: bool
    thread: str = "MainThread"

    def __str__(self) -> str:
        return f"{self.thread}-{self.number}-{'behind' if self.behind else 'before'}"


def arm(kill: Kill | None) -> Calls:
    """Let this process be killed then; None = never. Returns what is called, as it grows."""
    calls: dict[str, list[str]] = defaultdict(list)

    def watched(name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def done(*arguments: Any, **options: Any) -> Any:
            thread = threading.current_thread().name
            calls[thread].append(name)
            now = len(calls[thread])
            if kill == Kill(now, False, thread):
                os.kill(os.getpid(), signal.SIGKILL)
            try:
                return call(*arguments, **options)
            finally:
                if kill == Kill(now, True, thread):
                    os.kill(os.getpid(), signal.SIGKILL)

        return done

    for name in CALLS:
        setattr(os, name, watched(name, getattr(os, name)))
    wait = watched("wait", subprocess.Popen.wait)
    subprocess.Popen.wait = wait  # type: ignore[method-assign]
    return calls


def run(render: Callable[[Path], Path], folder: Path, kill: Kill | None = None) -> int | None:
    """The exit code of this render in that folder, in a process forked from one that knows torch.

    Left beside the folder: what it said on stderr, and its calls if it was not killed.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([*PRELOADED, "helpers.renders"])
    process = context.Process(target=_main, args=(render, folder, kill))
    with READING:
        process.start()
    connection.wait([process.sentinel], SECONDS)
    with READING:
        code = process.exitcode
    process.kill()
    assert code is not None, f"hangs: {kill}"
    return code


def calls(folder: Path) -> Calls:
    """The calls of the last whole run in this folder."""
    made: Calls = json.loads(folder.with_suffix(".calls").read_text())
    return made


def _main(render: Callable[[Path], Path], folder: Path, kill: Kill | None) -> None:
    import torch

    from pipeline.errors import UserError
    from pipeline.recording import preview

    torch.set_num_threads(1)
    preview.PAUSE = 0  # what is shown meanwhile hangs on no clock
    err = os.open(folder.with_suffix(".err"), os.O_CREAT | os.O_WRONLY | os.O_APPEND)
    os.dup2(err, 1)
    os.dup2(err, 2)
    made = arm(kill)
    try:
        render(folder)
    except UserError as error:
        os.write(2, f"{error}\n".encode())
        os._exit(2)
    folder.with_suffix(".calls").write_text(json.dumps(made))
    os._exit(0)


def content(output: Path) -> str:
    """A sha256 of all bytes of the output, by name where it is a folder."""
    files = [output] if output.is_file() else sorted(output.rglob("*"))
    told = hashlib.sha256()
    for file in files:
        if file.is_file():
            told.update(f"{file.relative_to(output)}\0".encode() + file.read_bytes())
    return told.hexdigest()


def figures(output: Path) -> Any:
    """The report of a render, but for what is not the same twice."""
    return _timeless(json.loads((work_dir(output) / "report.json").read_text()))


def _timeless(node: Any) -> Any:
    if isinstance(node, dict):
        return {key: _timeless(value) for key, value in node.items() if key not in TIMED}
    return node


def everywhere(made: Calls) -> Iterator[Kill]:
    """Before and behind each of these calls."""
    for thread, names in made.items():
        for number in range(1, len(names) + 1):
            yield Kill(number, False, thread)
            yield Kill(number, True, thread)


def difference(output: Path, whole: Path) -> str:
    """What an output and its work folder have otherwise than a whole one's; empty = nothing."""
    if not (output.exists() and work_dir(output).exists()):
        return "no output"
    kept, right = (
        {path.name: path for pattern in RANGE_FILES for path in work_dir(one).glob(pattern)}
        for one in (output, whole)
    )
    left = {path.name for path in work_dir(output).iterdir()} ^ {*LEFT, *right}
    if left:
        return f"{left} too many, or missing"
    same = [kept[name].read_bytes() == right[name].read_bytes() for name in right
            if name != FIGURES]  # fmt: skip
    if content(output) != content(whole) or not all(same):
        return "other bytes"
    return "" if figures(output) == figures(whole) else "other figures"


def wrong(render: Callable[[Path], Path], home: Path, name: str, *kills: Kill) -> list[str]:
    """What is wrong with the render by that name after these kills, one a run, and a whole run.

    home: where the folder `whole` holds an undisturbed one.
    """
    folder = Path(tempfile.mkdtemp(prefix=f"{kills[0]}-", dir=home))
    output, whole = folder / name, home / "whole" / name
    for kill in (*kills, None):
        code = run(render, folder, kill)
        differs = difference(output, whole)
        if not differs:
            shutil.rmtree(folder)
            # a single one must strike, or it showed nothing; of several it may be over before
            return [f"{kill}: never struck"] if kill and len(kills) == 1 and code == 0 else []
        if kill and code not in (0, -signal.SIGKILL):
            break
    said = folder.with_suffix(".err").read_text()
    return [f"{', '.join(map(str, kills))}: exit code {code}, {differs}: {said[-300:]}"]


def all_wrong(
    render: Callable[[Path], Path], home: Path, name: str, chains: Iterator[tuple[Kill, ...]]
) -> list[str]:
    """What is wrong after each of these chains of kills."""
    with ThreadPoolExecutor(WORKERS) as pool:
        found = pool.map(lambda chain: wrong(render, home, name, *chain), chains)
        return [trouble for troubles in found for trouble in troubles]
