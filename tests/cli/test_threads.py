"""The number of threads: chosen before torch is loaded, whatever the command."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from helpers.clips import counted
from helpers.sampling import every

from pipeline.runtime.threads import AUTOMATIC, NUMBER, WAITING, thread_count, usable_cores

NEXT_TO_A_BUSY_CORE = """
import os, sys
from dataclasses import replace
from pipeline.cli import commands, threads
now = threads.START
threads.START = replace(now, wall=now.wall - 10, used=now.used - 10)
sys.argv[1:] = {words}
try:
    commands.main()
finally:
    print(os.environ.get("OMP_NUM_THREADS"), os.environ.get("OMP_WAIT_POLICY"), file=sys.stderr)
"""


def chosen(*words: str, cwd: Path) -> str:
    """The number of threads and the way of waiting of this command, if a core is busy."""
    unset = (NUMBER, AUTOMATIC, *WAITING)
    environment = {key: value for key, value in os.environ.items() if key not in unset}
    command = [sys.executable, "-c", NEXT_TO_A_BUSY_CORE.format(words=list(words))]
    ran = subprocess.run(
        command, cwd=cwd, env=environment, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stderr
    return ran.stderr.splitlines()[-1]


@pytest.mark.skipif(not Path("/proc/stat").exists(), reason="the system does not count its work")
@pytest.mark.parametrize(
    "words",
    every(
        4,
        [
            pytest.param(words, id=words[0])
            for words in (
                ("input=clip.mp4", "frames=1", "dreamer=none"),
                ("-m", "input=clip.mp4", "frames=1", "seed=1,2", "sweep=s", "dreamer=none"),
                ("list", "labels", "tabby"),
                ("atlas", "input=clip.mp4", "--tile", "64", "--layer", "stem", "--channels", "1"),
            )
        ],
    ),
)
def test_next_to_a_busy_core_a_command_leaves_that_core_alone(
    tmp_path: Path, words: tuple[str, ...]
) -> None:
    counted(tmp_path / "clip.mp4", frames=2)
    number, waiting = chosen(*words, cwd=tmp_path).split()
    assert int(number) <= thread_count(usable_cores(), 0.9)  # others may be busy too
    assert waiting == "passive"
