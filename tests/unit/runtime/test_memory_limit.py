"""How much memory there is, and what holds processes to it."""

from __future__ import annotations

import platform
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from pipeline.errors import UserError
from pipeline.runtime.memory_limit import GIB, available_memory, limit_process, limit_this_process

LINUX = pytest.mark.skipif(sys.platform != "linux", reason="only Linux can")
FILLS = "data = bytearray(10**9); print(len(data))"


def system(root: Path, groups: str, limits: Mapping[str, str]) -> Path:
    """A system's files: the groups that this process is in, and the limits that files set."""
    (root / "proc/self").mkdir(parents=True)
    (root / "proc/self/cgroup").write_text(groups)
    for name, limit in limits.items():
        file = root / "sys/fs/cgroup" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"{limit}\n")
    return root


@LINUX
def test_the_suggested_limit_is_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.runtime.memory_limit._held", lambda: round(1.01 * GIB))
    monkeypatch.setattr("pipeline.runtime.memory_limit._limit", lambda size: None)
    with pytest.raises(UserError, match=r"at least 1\.3 GiB .*; set limits\.memory=3$"):
        limit_this_process(GIB)
    limit_this_process(round(1.3 * GIB))


def test_the_least_limit_of_all_groups_around_counts(tmp_path: Path) -> None:
    inner = "a/b/memory.max"
    root = system(tmp_path, "0::/a/b\n", {"a/memory.max": "5000", inner: "max"})
    assert available_memory(root) == 5000
    (root / "sys/fs/cgroup" / inner).write_text("4000\n")
    assert available_memory(root) == 4000


def test_the_older_groups_of_memory_count_and_others_do_not(tmp_path: Path) -> None:
    limits = {"memory/pods/memory.limit_in_bytes": "6000", "cpu/x/memory.limit_in_bytes": "10"}
    assert (
        available_memory(system(tmp_path, "5:cpu,memory:/pods\n3:cpu:/x\n0::/\n", limits)) == 6000
    )


def test_in_a_container_the_limit_at_the_root_counts(tmp_path: Path) -> None:
    assert available_memory(system(tmp_path, "0::/host/path\n", {"memory.max": "7000"})) == 7000


def test_without_groups_it_is_the_machines(tmp_path: Path) -> None:
    whole = available_memory(tmp_path)
    assert whole > 10**8
    assert available_memory(system(tmp_path, "0::/\n", {"memory.max": "max"})) == whole


@LINUX
def test_a_process_that_is_held_fails_to_get_more() -> None:
    for most, code in ((GIB // 2, 1), (4 * GIB, 0)):
        waits = f"input(); {FILLS}"
        python = subprocess.Popen([sys.executable, "-c", waits], stdin=subprocess.PIPE, text=True,
                                  stdout=subprocess.PIPE, stderr=subprocess.PIPE)  # fmt: skip
        limit_process(python.pid, most)
        _, said = python.communicate("\n")
        assert python.returncode == code
        assert ("MemoryError" in said) == bool(code)


def test_a_process_that_is_over_is_no_trouble() -> None:
    python = subprocess.Popen([sys.executable, "-c", ""])
    python.wait()
    limit_process(python.pid, GIB)


@LINUX
def test_this_process_is_held_and_so_are_its_children() -> None:
    code = f"""
import subprocess, sys
from pipeline.runtime.memory_limit import limit_this_process
limit_this_process(700 * 2**20)
try:
    {FILLS}
except MemoryError:
    print("refused", subprocess.run([sys.executable, "-c", {FILLS!r}], stderr=-3).returncode)
limit_this_process(4 * 2**30)  # the next job of a sweep may have more
{FILLS}
"""
    command = [sys.executable, "-c", code]
    ran = subprocess.run(command, capture_output=True, text=True, check=True)
    assert ran.stdout.split() == ["refused", "1", "1000000000"]


FREE_BUT_COUNTED = """
import mmap, resource
import torch
from pipeline.runtime import memory_limit
from pipeline.runtime.malloc import keep_freed_memory, keep_no_freed_memory
def more():
    try:
        return len(mmap.mmap(-1, 10**8, flags=mmap.MAP_PRIVATE))
    except OSError:
        return 0
memory_limit.discount_freed_memory(None)  # nothing where nothing is held
assert keep_freed_memory()
limit = memory_limit._held() + 3 * 10**8
memory_limit.limit_this_process(limit)
blocks = [torch.ones(12_000_000) for _ in range(6)]
allowed = resource.getrlimit(resource.RLIMIT_DATA)[0]
del blocks[:5]  # the sixth lies behind them
keep_no_freed_memory()
print(more())
memory_limit.discount_freed_memory(limit)
print(more(), resource.getrlimit(resource.RLIMIT_DATA)[0] - allowed)
"""


@pytest.mark.slow
@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="malloc_trim is glibc's")
def test_what_lies_free_in_a_process_that_is_held_may_be_used_for_anything() -> None:
    told = [sys.executable, "-c", FREE_BUT_COUNTED]
    ran = subprocess.run(told, check=True, capture_output=True, text=True)
    before, after, granted = map(int, ran.stdout.split())
    assert (before, after) == (0, 10**8)
    assert granted > 5 * 48_000_000


@LINUX
def test_less_than_the_program_itself_takes_is_refused_with_what_it_needs() -> None:
    with pytest.raises(UserError, match=r"limits\.memory: must be at least .* got 0\.001; set"):
        limit_this_process(GIB // 1000)
