"""A GPU is told to compute the same bits every time; the CPU needs no telling."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch

from pipeline.determinism import same_bits


@pytest.fixture(autouse=True)
def undone() -> Iterator[None]:
    """Whatever is set for the whole process is undone."""
    yield
    torch.use_deterministic_algorithms(False)


@pytest.mark.parametrize(("device", "told"), [("cpu", False), ("cuda", True), ("cuda:1", True)])
def test_only_a_gpu_is_told(device: str, told: bool) -> None:
    same_bits(torch.device(device))
    assert torch.are_deterministic_algorithms_enabled() == told
    # what knows no other way is only warned about
    assert torch.is_deterministic_algorithms_warn_only_enabled() == told
