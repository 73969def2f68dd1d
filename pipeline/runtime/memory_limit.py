"""How much memory there is, and processes held to it, so that a render dies before its machine."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from pipeline.errors import UserError

GIB = 2**30
SHARE = 0.9
"""Of all the memory there is, what one process may hold if nobody says otherwise."""
LEAST = 2**28
"""Bytes beyond what the program holds before the first frame, without which none can be dreamt."""


def available_memory(root: Path = Path("/")) -> int:
    """Return bytes of memory that this process may ever have: the machine's, or less by its
    cgroups.

    root: of the system's files. See cgroups(7); a process is in one group of each version, and the
    limits of all groups around it count too.
    """
    found = [os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")]
    for file in _limiting(root):
        with suppress(OSError, ValueError):  # not there, or "max"
            found.append(int(file.read_text("ascii")))
    return min(found)


def _limiting(root: Path) -> Iterator[Path]:
    """Yield the files that may limit this process's groups, whether or not they are there."""
    groups = root / "proc/self/cgroup"
    for line in groups.read_text("utf-8").splitlines() if groups.is_file() else ():
        number, kinds, path = line.split(":", 2)
        home, name = root / "sys/fs/cgroup", "memory.max"
        if number != "0":
            if "memory" not in kinds.split(","):
                continue
            home, name = home / "memory", "memory.limit_in_bytes"
        # in a container the path may be the host's, of which only the end is seen: the root
        group = home / path.lstrip("/")
        yield from (
            folder / name for folder in (group, *group.parents) if home in (folder, *folder.parents)
        )


def limit_process(process: int, size: int) -> None:
    """Let another process of ours have no more than that many bytes: it fails to get more.

    Only Linux can; elsewhere nothing is done.
    """
    if sys.platform == "linux":
        import resource

        with suppress(OSError):  # it is over already, or a sandbox forbids it
            resource.prlimit(process, resource.RLIMIT_DATA, (size, size))


def limit_this_process(size: int) -> None:
    """Let this process have no more than that many bytes: more is an error, not the machine's end.

    Only Linux can; elsewhere nothing is done. Raises UserError where the program is too large.
    """
    if sys.platform != "linux":
        return
    least = _held() + LEAST
    if size < least:
        raise UserError(
            f"limits.memory: must be at least {least / GIB:.1f} GiB on the CPU, for the program "
            f"itself takes most of that, got {size / GIB:.3g}; set limits.memory={least / GIB:.1f}"
        )
    _limit(size)


def discount_freed_memory(size: int | None) -> None:
    """Limit this process to that many bytes of memory that it uses; what lies free in it is not
    counted. None = it is not limited, and stays so.

    For when memory has run out, and what was free has been given back: the system has those pages,
    and yet they are counted for as long as anything lies behind them. Then a new thread's stack or
    the code that oneDNN makes would get no more, with gigabytes free.
    """
    if size is not None:
        _limit(size + _held() - _used())


def _limit(size: int) -> None:
    """Let the system give this process no more than that many bytes that it counts as data."""
    import resource

    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    most = size if hard == resource.RLIM_INFINITY else min(size, hard)
    resource.setrlimit(resource.RLIMIT_DATA, (most, hard))


def _held() -> int:
    """Return bytes of this process that the system counts as data, proc_pid_statm(5)."""
    return _pages()[5]


def _used() -> int:
    """Return bytes of it that are in memory and no file's."""
    _, resident, shared, *_ = _pages()
    return resident - shared


def _pages() -> list[int]:
    """Return what statm says, in bytes."""
    size = os.sysconf("SC_PAGE_SIZE")
    return [int(pages) * size for pages in Path("/proc/self/statm").read_text("ascii").split()]
