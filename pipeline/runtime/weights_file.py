"""Weights files of safetensors or PyTorch: their tensors, read without running code in them."""

from __future__ import annotations

import argparse
import hashlib
import io
import pickle
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load as load_safetensors
from torch import Tensor
from torch.serialization import safe_globals

from pipeline.errors import UserError, errors_of, printable
from pipeline.storage.input_file import open_input

WRAPPERS = (
    "state_dict",
    "model_state_dict",
    "model",
    "net",
    "network",
    "weights",
    "params",
    "state_dict_ema",
    "model_ema",
    "ema",
)
"""Names under which training scripts store the weights in their checkpoints."""
DEEPEST = 4
"""Maximum nesting depth of such wrappers; a pickle may contain itself."""
SAFE_TYPES: tuple[Any, ...] = (
    argparse.Namespace,
    np.dtype,
    *(np.dtypes.Float32DType, np.dtypes.Float64DType, np.dtypes.BoolDType),
    *(np.dtypes.Int32DType, np.dtypes.Int64DType),
    np.float64(0).__reduce__()[0],
)
"""Types in checkpoints other than tensors; creating them does not run code from the file."""
PICKLES = (b"\x80", b"PK")
"""First bytes of torch's files: of the old format and of the zip format."""


def read_tensors(path: Path, key: str) -> tuple[dict[str, Tensor], str]:
    """Return the tensors in a weights file by name, and its SHA-256 in hex.

    Accepts safetensors and torch's own files, distinguished by their content; of the latter only
    tensors and plain data are unpickled. Unwraps checkpoints that contain a state_dict, and removes
    the prefix "module." of parallel training. Raises UserError with the setting `key`.
    """
    content = read_content(path, key)
    held = _safetensors(content) if content[8:9] == b"{" else _unpickled(content, path, key)
    for _ in range(DEEPEST):
        if isinstance(held, Mapping) and (inner := _wrapped(held)) is not None:
            held = inner
    found = (
        {}
        if not isinstance(held, Mapping)
        else {str(name): value for name, value in held.items() if isinstance(value, Tensor)}
    )
    if not found:
        raise UserError(
            f"{key}: must contain named tensors, got {printable(path)}, which contains something "
            "else; save the network's state_dict()"
        )
    for name, tensor in found.items():
        if tensor.layout != torch.strided:
            raise UserError(
                f"{key}: must contain dense tensors, got {printable(path)}, in which "
                f"{printable(name)} is sparse; convert it with to_dense() before saving"
            )
    tensors = {name.removeprefix("module."): tensor for name, tensor in found.items()}
    return tensors, hashlib.sha256(content).hexdigest()


def read_content(path: Path, key: str) -> bytes:
    """Return the content of a file. Raises UserError with `key`, also for a pipe or a device."""
    with errors_of(key), open_input(path) as descriptor:
        try:
            with open(descriptor, "rb", closefd=False) as file:
                return file.read()
        except OSError as error:
            raise UserError(
                f"input: must be a readable file, got {printable(path)} ({error.strerror}); "
                "use an undamaged copy"
            ) from error


def _wrapped(held: Mapping[Any, Any]) -> Mapping[Any, Any] | None:
    """Return the weights that a checkpoint stores under one of WRAPPERS; None if there are none."""
    return next((held[name] for name in WRAPPERS if isinstance(held.get(name), Mapping)), None)


def _safetensors(content: bytes) -> object:
    try:
        return load_safetensors(content)
    except SafetensorError:
        return None


def _unpickled(content: bytes, path: Path, key: str) -> object:
    try:
        # suppress warnings about the version of the pickle
        with warnings.catch_warnings(action="ignore"), safe_globals([*SAFE_TYPES]):
            return torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError, ValueError, LookupError) as error:
        if isinstance(error, pickle.UnpicklingError) and content.startswith(PICKLES):
            raise UserError(
                f"{key}: must contain nothing but tensors, got {printable(path)} with other "
                "objects, which were not loaded; save the network's state_dict() as safetensors"
            ) from error
        raise UserError(
            f"{key}: must be a weights file of safetensors or PyTorch, got {printable(path)}, "
            "which is damaged or of another kind; download it again"
        ) from error
