"""Any classifier of torchvision, by its name there, with its ImageNet weights."""

from __future__ import annotations

import difflib
from functools import partial

import torchvision.models

from pipeline.errors import UserError
from pipeline.model.network import Network
from pipeline.weights import with_weights


def classifier(*, name: str) -> Network:
    """The network with the best weights that torchvision has for it.

    Layers are torchvision's own names (layer3.5.conv2, inception4c, features.28). Raises UserError
    for an unknown name, or if the weights can be neither found nor downloaded.
    """
    known = torchvision.models.list_models(module=torchvision.models)
    if name not in known:
        near = difflib.get_close_matches(name, known, n=4, cutoff=0.3)
        raise UserError(
            f"model.name: must be one of torchvision's classifiers, got {name!r}; "
            f"near ones are {', '.join(near) or ', '.join(known[:4])}"
        )
    weights = torchvision.models.get_model_weights(name)["DEFAULT"]
    module, sha256 = with_weights(
        partial(torchvision.models.get_model, name),
        weights,
        key="model",
        without="model=efficientnet_lite0",
    )
    look = weights.transforms()
    return Network(
        module, mean=look.mean, deviation=look.std, weights_sha256=sha256,
        classes=weights.meta["categories"],
    )  # fmt: skip
