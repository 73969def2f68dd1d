"""Recognises errors that mean out of memory, and makes one line for the user of them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from pipeline.errors import UserError

SAID = re.compile(
    r"DefaultCPUAllocator: (can't allocate|not enough) memory|bad_alloc|out of memory|"
    r"can't start new thread"
)
"""What torch says on the CPU and on MPS, C++, and Python of the stack of a thread."""
FOR_GOOD = re.compile(r"could not (create a primitive$|execute a primitive|create a memory object)")
"""What oneDNN says. Its code generator remembers such a failure as long as the thread lives (Xbyak,
without exceptions): whatever is asked of it fails from then on, however little."""
OPENCV = -4
"""Its code for it."""
SIZE = re.compile(r"allocate ([\d.]+ \w+)")
"""How much was asked for in vain."""


def is_out_of_memory(error: BaseException) -> bool:
    """Return whether that is why it was raised: on any device, by Python, numpy, OpenCV or
    torch."""
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    if type(error).__name__ == "error" and getattr(error, "code", None) == OPENCV:
        return True
    return isinstance(error, RuntimeError) and bool(SAID.search(str(error)))


def is_unrecoverable_oom(error: BaseException) -> bool:
    """Return whether that is why, and trying with less is of no use."""
    return isinstance(error, RuntimeError) and bool(FOR_GOOD.search(str(error)))


@contextmanager
def oom_as_user_error() -> Iterator[None]:
    """Raises UserError where memory is not enough."""
    try:
        yield
    except Exception as error:
        if not (is_out_of_memory(error) or is_unrecoverable_oom(error)):
            raise
        asked = SIZE.search(str(error))
        raise UserError(
            "limits.memory: must be enough for a render of this size, got "
            f"{f'no {asked[1]} more' if asked else 'no more'}; raise it where the machine has "
            "more, or give a smaller width or tile_memory"
        ) from error
