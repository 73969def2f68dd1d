"""Available memory, and memory limits of processes, so that a render fails before its machine."""

from __future__ import annotations

import math
import os
import sys
from contextlib import suppress
from pathlib import Path

from pipeline.errors import UserError
from pipeline.runtime.cgroups import limit_files

GIB = 2**30
SHARE = 0.9
"""Share of the available memory that one process may use by default."""
LEAST = 2**28
"""Memory in bytes that the first frame needs in addition to that of the loaded program."""


def available_memory(root: Path = Path("/")) -> int:
    """Return the memory that this process can have in bytes: the machine's or that of its cgroups.

    root: root of the file system.
    """
    sizes = [os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")]
    for file in limit_files(
        root, "memory.max", controller="memory", version_1="memory.limit_in_bytes"
    ):
        with suppress(OSError, ValueError):  # no such file, or "max"
            sizes.append(int(file.read_text("ascii")))
    return min(sizes)


def limit_process(process: int, size: int) -> None:
    """Limit the memory of another process, such as a child, to `size` bytes.

    Only on Linux; elsewhere this does nothing.
    """
    if sys.platform == "linux":
        import resource

        with suppress(OSError):  # the process has ended, or a sandbox forbids it
            resource.prlimit(process, resource.RLIMIT_DATA, (size, size))


def limit_this_process(size: int) -> None:
    """Limit the memory of this process to `size` bytes, so that allocations beyond it fail.

    Only on Linux; elsewhere this does nothing. Raises UserError if the program itself needs more.
    """
    if sys.platform != "linux":
        return
    needed = _held() + LEAST
    if size < needed:
        least = math.ceil(10 * needed / GIB) / 10
        # Suggest 1 GiB more than the minimum, with which hardly any render would succeed.
        raise UserError(
            f"limits.memory: must be at least {least} GiB on the CPU, most of which the program "
            f"itself uses, got {size / GIB:.3g}; set limits.memory={math.ceil(least) + 1}"
        )
    _limit(size)


def discount_freed_memory(size: int | None) -> None:
    """Limit the memory that this process uses to `size` bytes, not counting freed memory.

    None: the process has no limit and keeps none. For use after out of memory, when freed memory
    has been returned: the system has those pages back, but still counts their addresses as data as
    long as anything in use follows them. The stack of a new thread or the code that oneDNN
    generates would then exceed the limit, with gigabytes free.
    """
    if size is not None:
        _limit(size + _held() - _used())


def _limit(size: int) -> None:
    """Limit what the system counts as data of this process to `size` bytes (RLIMIT_DATA)."""
    import resource

    _, hard_limit = resource.getrlimit(resource.RLIMIT_DATA)
    soft_limit = size if hard_limit == resource.RLIM_INFINITY else min(size, hard_limit)
    resource.setrlimit(resource.RLIMIT_DATA, (soft_limit, hard_limit))


def _held() -> int:
    """Return what the system counts as data of this process, in bytes; see proc_pid_statm(5)."""
    return _pages()[5]


def _used() -> int:
    """Return the resident memory of this process that is not backed by files, in bytes."""
    _, resident, shared, *_ = _pages()
    return resident - shared


def _pages() -> list[int]:
    """Return the fields of /proc/self/statm, in bytes."""
    size = os.sysconf("SC_PAGE_SIZE")
    return [int(pages) * size for pages in Path("/proc/self/statm").read_text("ascii").split()]
