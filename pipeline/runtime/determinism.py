"""Deterministic kernels on a GPU, without which no render could be resumed bit for bit."""

from __future__ import annotations

import os

import torch
import torch.utils.deterministic


def use_deterministic_kernels(device: torch.device) -> None:
    """Let this device compute the same from the same, as the CPU does by itself.

    On a GPU the quickest kernels add in whatever order they finish. For the few that know no other
    way torch warns: gradients through resampling, which only the views of `visualise` ask for. See
    its notes on reproducibility. To be called before the GPU is used, for cuBLAS looks but once.
    """
    if device.type == "cuda":
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
        torch.use_deterministic_algorithms(True, warn_only=True)
        # else all memory is filled before it is written: a fifth of the network's time on an H200
        torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
