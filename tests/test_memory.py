"""Freed memory stays at hand."""

import platform
import subprocess
import sys

import pytest

ASKED_AGAIN = """
import resource, torch
from pipeline.memory import keep_freed_memory
if {keep}:
    assert keep_freed_memory()
def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for turn in range(4):
    before = faults()
    # 48 MB each: from 32 on, glibc by itself gives every block back
    blocks = [torch.zeros(12_000_000).add_(1) for _ in range(3)]
    blocks.clear()
print(faults() - before)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="mallopt is glibc's")
def test_what_was_freed_is_not_asked_of_the_system_again() -> None:
    freely, kept = (
        int(subprocess.run([sys.executable, "-c", ASKED_AGAIN.format(keep=keep)],
                           check=True, capture_output=True, text=True).stdout)
        for keep in (False, True)
    )  # fmt: skip
    assert freely > 1000
    assert kept < freely / 100
