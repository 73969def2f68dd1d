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
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from command_line import PRELOADED, SECONDS

from pipeline.output import folder_of

CALLS = ("rename", "replace", "fsync", "unlink", "remove", "rmdir", "mkdir", "ftruncate")
"""Functions of os behind which nothing is as it was."""
WORKERS = 2
LEFT = {"recipe.yaml", "render.log", "report.json"}
"""What a finished render leaves in its work folder."""
TIMED = ("seconds_per_frame", "peak_memory_bytes")
"""Figures that are not the same twice."""


@dataclass(frozen=True)
class Kill:
    """number: of the call, from 1. behind: when it has returned, and not when it begins."""

    number: int
    behind: bool


def arm(kill: Kill | None) -> list[int]:
    """Let this process be killed then; None = never. Returns the number of calls, as it grows."""
    calls = [0]

    def strike(now: int, *, behind: bool) -> None:
        if kill == Kill(now, behind):
            os.kill(os.getpid(), signal.SIGKILL)

    def watched(call: Callable[..., Any]) -> Callable[..., Any]:
        def done(*arguments: Any, **options: Any) -> Any:
            calls[0] += 1
            now = calls[0]
            strike(now, behind=False)
            try:
                return call(*arguments, **options)
            finally:
                strike(now, behind=True)

        return done

    for name in CALLS:
        setattr(os, name, watched(getattr(os, name)))
    subprocess.Popen.wait = watched(subprocess.Popen.wait)  # type: ignore[method-assign]
    return calls


def run(render: Callable[[Path], Path], folder: Path, kill: Kill | None = None) -> int | None:
    """The exit code of this render in that folder, in a process forked from one that knows torch.

    Left beside the folder: what it said on stderr, and the number of calls if it was not killed.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([*PRELOADED, "renders"])
    process = context.Process(target=_main, args=(render, folder, kill))
    process.start()
    process.join(SECONDS)
    code = process.exitcode
    process.kill()
    assert code is not None, f"hangs: {kill}"
    return code


def calls(folder: Path) -> int:
    """How many calls the last whole run in this folder made."""
    return int(folder.with_suffix(".calls").read_text())


def _main(render: Callable[[Path], Path], folder: Path, kill: Kill | None) -> None:
    import torch

    from pipeline.errors import UserError

    torch.set_num_threads(1)
    err = os.open(folder.with_suffix(".err"), os.O_CREAT | os.O_WRONLY | os.O_APPEND)
    os.dup2(err, 1)
    os.dup2(err, 2)
    counted = arm(kill)
    try:
        render(folder)
    except UserError as error:
        os.write(2, f"{error}\n".encode())
        os._exit(2)
    folder.with_suffix(".calls").write_text(str(counted[0]))
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
    return _timeless(json.loads((folder_of(output) / "report.json").read_text()))


def _timeless(node: Any) -> Any:
    if isinstance(node, dict):
        return {key: _timeless(value) for key, value in node.items() if key not in TIMED}
    return node


def everywhere(count: int) -> Iterator[Kill]:
    """Before and behind each of so many calls."""
    for number in range(1, count + 1):
        yield Kill(number, behind=False)
        yield Kill(number, behind=True)


def wrong(render: Callable[[Path], Path], home: Path, name: str, *kills: Kill) -> list[str]:
    """What is wrong with the render by that name after these kills, one a run, and a whole run.

    home: where the folder `whole` holds an undisturbed one.
    """
    whole, folder = home / "whole" / name, home / "-".join(map(str, kills))
    folder.mkdir()
    for kill in kills:
        if run(render, folder, kill) == 0:
            break  # it was over before
    code, output = run(render, folder), folder / name
    said = folder.with_suffix(".err").read_text()
    complete = code == 2 and "must not exist yet" in said.splitlines()[-1]
    troubles = []
    if code != 0 and not complete:
        troubles.append(f"{kills}: exit code {code}: {said[-300:]}")
    elif content(output) != content(whole):
        troubles.append(f"{kills}: other bytes")
    elif figures(output) != figures(whole):
        troubles.append(f"{kills}: other figures")
    elif left := {path.name for path in folder_of(output).iterdir()} - LEFT:
        troubles.append(f"{kills}: left {left}")
    if not troubles:
        shutil.rmtree(folder)
    return troubles


def all_wrong(
    render: Callable[[Path], Path], home: Path, name: str, chains: Iterator[tuple[Kill, ...]]
) -> list[str]:
    """What is wrong after each of these chains of kills."""
    with ThreadPoolExecutor(WORKERS) as pool:
        found = pool.map(lambda chain: wrong(render, home, name, *chain), chains)
        return [trouble for troubles in found for trouble in troubles]
