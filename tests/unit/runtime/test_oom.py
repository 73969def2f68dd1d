"""Whatever is short of memory is told from what is a fault."""

from __future__ import annotations

import pytest
import torch

from pipeline.errors import UserError
from pipeline.runtime.oom import is_out_of_memory, is_unrecoverable_oom, oom_as_user_error

SHORT = [
    MemoryError("Unable to allocate 8.00 GiB for an array"),
    torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB"),
    RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to allocate "
                 "48000000 bytes. Error code 12"),
    RuntimeError("DefaultCPUAllocator: not enough memory: you tried to allocate 48 bytes."),
    RuntimeError("MPS backend out of memory (MPS allocated: 1 GB)"),
    RuntimeError("can't start new thread"),
    RuntimeError("std::bad_alloc"),
]  # fmt: skip
OTHERS = [
    RuntimeError("could not create a primitive descriptor for a convolution"),
    RuntimeError("mat1 and mat2 shapes cannot be multiplied"),
    ValueError("out of memory"),
    OSError(28, "No space left on device"),
]


@pytest.mark.parametrize("error", SHORT, ids=str)
def test_a_want_of_memory_is_one_line_that_names_the_limit(error: Exception) -> None:
    assert is_out_of_memory(error)
    with (
        pytest.raises(UserError, match=r"^limits\.memory: must be sufficient .* tile_memory$"),
        oom_as_user_error(),
    ):
        raise error


@pytest.mark.parametrize("error", OTHERS, ids=str)
def test_another_error_stays_what_it_is(error: Exception) -> None:
    assert not is_out_of_memory(error)
    assert not is_unrecoverable_oom(error)
    with pytest.raises(type(error)) as caught, oom_as_user_error():
        raise error
    assert caught.value is error


def test_what_onednn_lacked_once_it_lacks_for_good() -> None:
    error = RuntimeError("could not create a primitive")
    assert is_unrecoverable_oom(error)
    assert not is_out_of_memory(error)  # or it would be tried again
    with (
        pytest.raises(UserError, match=r"^limits\.memory: must be sufficient"),
        oom_as_user_error(),
    ):
        raise error


def test_opencv_says_it_with_a_number() -> None:
    cv2 = pytest.importorskip("cv2")
    error = cv2.error("Insufficient memory")
    error.code = -4
    assert is_out_of_memory(error)
    error.code = -215
    assert not is_out_of_memory(error)


def test_the_size_that_was_not_there_is_said() -> None:
    with pytest.raises(UserError, match="got no further 48000000 bytes"), oom_as_user_error():
        raise SHORT[2]
