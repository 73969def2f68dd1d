"""Deterministic kernels on a GPU, without which a resumed render would not be bit-identical."""

from __future__ import annotations

import os

import torch
import torch.utils.deterministic


def use_deterministic_kernels(device: torch.device) -> None:
    """Make the results on this device reproducible, as they are on the CPU.

    The fastest GPU kernels add in the order in which threads finish. For the few operations without
    a deterministic kernel torch warns: here only the gradient of resampling, which the views of
    `visualise` use. See PyTorch's notes on reproducibility. Must be called before the GPU is first
    used, as cuBLAS reads its setting only once.
    """
    if device.type == "cuda":
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
        torch.use_deterministic_algorithms(True, warn_only=True)
        # filling memory before it is written would take a fifth of the network's time on an H200
        torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
