"""Freed memory stays at hand."""

import platform
import subprocess
import sys

import pytest

ASKED_AGAIN = """
import resource, torch
from pipeline.runtime.malloc import keep_freed_memory
if {keep}:
    assert keep_freed_memory()
def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt
asked = []
for turn in range(8):
    before = faults()
    # 48 MB each: from 32 on, glibc by itself gives every block back
    blocks = [torch.zeros(12_000_000).add_(1) for _ in range(3)]
    blocks.clear()
    asked.append(faults() - before)
# as small blocks come to lie, a turn may need one block more
print(min(asked))
"""


GIVEN_BACK = """
import torch
from pipeline.runtime.malloc import give_back_freed_memory, keep_freed_memory
def held():
    with open("/proc/self/statm") as facts:
        return int(facts.read().split()[1]) * 4096
assert keep_freed_memory()
blocks = [torch.ones(12_000_000) for _ in range(4)]
del blocks[:3]  # the fourth lies on top of them
before = held()
assert give_back_freed_memory()
print(before - held())
"""


KEPT_NO_MORE = """
import torch
from pipeline.runtime.malloc import keep_freed_memory, keep_no_freed_memory
def data():
    with open("/proc/self/statm") as facts:
        return int(facts.read().split()[5]) * 4096
assert keep_freed_memory()
keep_no_freed_memory()
blocks = [torch.ones(12_000_000) for _ in range(4)]
before = data()
del blocks[:3]  # the fourth does not lie on top of them any more
print(before - data())
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="mallopt is glibc's")
def test_where_memory_ran_out_what_is_freed_counts_no_more() -> None:
    told = [sys.executable, "-c", KEPT_NO_MORE]
    given = int(subprocess.run(told, check=True, capture_output=True, text=True).stdout)
    assert given > 3 * 45_000_000  # of 48 MB each


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="malloc_trim is glibc's")
def test_what_lies_free_between_blocks_is_given_back_when_told() -> None:
    told = [sys.executable, "-c", GIVEN_BACK]
    given = int(subprocess.run(told, check=True, capture_output=True, text=True).stdout)
    assert given > 3 * 45_000_000  # of 48 MB each


@pytest.mark.slow
@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="mallopt is glibc's")
def test_what_was_freed_is_not_asked_of_the_system_again() -> None:
    freely, kept = (
        int(subprocess.run([sys.executable, "-c", ASKED_AGAIN.format(keep=keep)],
                           check=True, capture_output=True, text=True).stdout)
        for keep in (False, True)
    )  # fmt: skip
    assert freely > 1000
    assert kept < freely / 100
