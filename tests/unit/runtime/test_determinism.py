"""A GPU is told to compute the same bits every time; the CPU needs no telling."""

from __future__ import annotations

import os

import pytest
import torch
import torch.utils.deterministic

from pipeline.runtime.determinism import use_deterministic_kernels


@pytest.mark.usefixtures("any_bits")
@pytest.mark.parametrize(("device", "told"), [("cpu", False), ("cuda", True), ("cuda:1", True)])
def test_only_a_gpu_is_told(device: str, told: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUBLAS_WORKSPACE_CONFIG", "")
    monkeypatch.delenv("CUBLAS_WORKSPACE_CONFIG")
    use_deterministic_kernels(torch.device(device))
    assert torch.are_deterministic_algorithms_enabled() == told
    # what knows no other way is only warned about
    assert torch.is_deterministic_algorithms_warn_only_enabled() == told
    assert (os.environ.get("CUBLAS_WORKSPACE_CONFIG") == ":4096:8") == told
    # fresh memory is not filled for it: all of it is written before it is read
    assert torch.utils.deterministic.fill_uninitialized_memory != told
