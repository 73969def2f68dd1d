"""Why a device is not available, for the error message."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import torch

DRIVER = Path("/proc/driver/nvidia/version")
"""File of a loaded NVIDIA driver on Linux."""


def why_unavailable(name: str) -> str:
    """Return the reason why there is no device of this kind; empty if there is one, or unknown."""
    kind = name.partition(":")[0].lower()
    if kind == "mps" and not torch.backends.mps.is_built():
        return "this PyTorch is built without MPS, which only Macs have"
    if kind not in ("cuda", "gpu") or torch.cuda.device_count():
        return ""
    if torch.version.cuda is None and torch.version.hip is None:
        return "this PyTorch is built for the CPU only"
    if not DRIVER.exists() and shutil.which("nvidia-smi") is None:
        return "no NVIDIA driver found"
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    return "PyTorch finds no NVIDIA GPU" + (
        "" if visible is None else f" with CUDA_VISIBLE_DEVICES={visible!r}"
    )
