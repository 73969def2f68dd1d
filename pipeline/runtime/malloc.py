"""Whether malloc keeps freed memory: every gradient step allocates and frees hundreds of MB."""

from __future__ import annotations

import ctypes
import platform

TRIM_THRESHOLD, MMAP_THRESHOLD, MMAP_MAX = -1, -3, -4
"""Parameters of mallopt (malloc.h)."""
DEFAULTS = {TRIM_THRESHOLD: 1 << 17, MMAP_THRESHOLD: 1 << 17, MMAP_MAX: 1 << 16}
"""Parameter -> its default in glibc."""
MOST_KEPT = 2**31 - 1
"""Largest TRIM_THRESHOLD that glibc accepts, in bytes."""


def keep_freed_memory() -> bool:
    """Make glibc keep freed memory for later allocations; return whether it does. See mallopt(3).

    By default large blocks are returned to the system, and in every step their pages must be zeroed
    again. Measured on two cores at 640x272, Lite0 to blocks.9: 70000 page faults per frame and a
    fifth of the time. The peak memory stays the same.
    """
    if platform.libc_ver()[0] != "glibc":
        return False
    mallopt = ctypes.CDLL(None).mallopt
    return bool(mallopt(TRIM_THRESHOLD, MOST_KEPT)) and bool(mallopt(MMAP_MAX, 0))


def give_back_freed_memory() -> bool:
    """Return the free memory to the system; return whether there was any. See malloc_trim(3).

    Useful when the size of the images changes: free blocks of the old sizes rarely fit and would
    only take memory in addition to the new ones. Measured at 3840x2160 with four octaves: 2.9 GiB
    instead of 3.3. Before every step it would be even less, but then a fifth of the time would be
    spent on getting the pages again.
    """
    if platform.libc_ver()[0] != "glibc":
        return False
    return bool(ctypes.CDLL(None).malloc_trim(0))


def keep_no_freed_memory() -> None:
    """Return the free memory to the system now and, from now on, whenever memory is freed.

    For use after out of memory: free blocks between used ones fit nothing larger, but count as
    used. Restores glibc's defaults.
    """
    if platform.libc_ver()[0] != "glibc":
        return
    for setting, value in DEFAULTS.items():
        ctypes.CDLL(None).mallopt(setting, value)
    give_back_freed_memory()
