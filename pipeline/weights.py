"""Networks with the weights that torchvision publishes: from its cache, or fetched once."""

from __future__ import annotations

import hashlib
import pickle
import urllib.error
from collections.abc import Callable
from pathlib import Path

import torch
from torch import nn
from torchvision.models import WeightsEnum

from pipeline.errors import UserError


def with_weights(
    build: Callable[..., nn.Module], weights: WeightsEnum, *, key: str, without: str
) -> tuple[nn.Module, str]:
    """The network, and the sha256 of its weights file in hex.

    build: takes `weights` and returns the network; torchvision's builders do, and check the hash
    of what they download. key: the setting that asked for it. without: one that needs no weights.
    Raises UserError, saying where to put the file, if it can be neither found nor downloaded.
    """
    path = Path(torch.hub.get_dir()) / "checkpoints" / Path(weights.url).name
    try:
        network = build(weights=weights, progress=False)
    except (
        urllib.error.URLError, OSError, RuntimeError, EOFError, pickle.UnpicklingError,
    ) as error:  # fmt: skip
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise UserError(
            f"{key}: the weights must be readable, downloaded once, got {reason!r}; "
            f"put {weights.url} at {path}, or use {without}, which needs none"
        ) from error
    return network, hashlib.sha256(path.read_bytes()).hexdigest()
