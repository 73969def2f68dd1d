"""Detection of out-of-memory errors, and their conversion to a UserError."""

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
"""Messages of torch on the CPU and on MPS, of C++, and of Python for the stack of a thread."""
FOR_GOOD = re.compile(r"could not (create a primitive$|execute a primitive|create a memory object)")
"""Messages of oneDNN. Its code generator (Xbyak, without exceptions) keeps the error state as long
as the thread lives, so every later use in this thread fails, however small."""
OPENCV = -4
"""OpenCV's error code for out of memory."""
SIZE = re.compile(r"allocate ([\d.]+ \w+)")
"""The size of the failed allocation in a message."""


def is_out_of_memory(error: BaseException) -> bool:
    """Return whether Python, numpy, OpenCV or torch, on any device, ran out of memory."""
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    if type(error).__name__ == "error" and getattr(error, "code", None) == OPENCV:
        return True
    return isinstance(error, RuntimeError) and bool(SAID.search(str(error)))


def is_unrecoverable_oom(error: BaseException) -> bool:
    """Return whether the error is out of memory after which a retry with less would fail too."""
    return isinstance(error, RuntimeError) and bool(FOR_GOOD.search(str(error)))


@contextmanager
def oom_as_user_error() -> Iterator[None]:
    """Turn out-of-memory errors in the block into a UserError."""
    try:
        yield
    except Exception as error:
        if not (is_out_of_memory(error) or is_unrecoverable_oom(error)):
            raise
        amount = SIZE.search(str(error))
        raise UserError(
            "limits.memory: must be sufficient for a render of this size, got "
            f"{f'no further {amount[1]}' if amount else 'too little'}; increase it if the machine "
            "has more memory, or set a smaller width or tile_memory"
        ) from error
