"""Any classifier of torchvision, by its name there, with its ImageNet weights or one's own."""

from __future__ import annotations

from collections import OrderedDict
from functools import partial
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
import torchvision.models
from torch import Tensor, nn
from torchvision.models import MaxVit, VisionTransformer

from pipeline.errors import UserError
from pipeline.model.network.input_size import Sides
from pipeline.model.network.module import Network, near_names
from pipeline.runtime.weights import read_labels, with_own_weights, with_weights

SHIFTING = ("googlenet", "inception_v3")
"""Those that shift their input to where TensorFlow had it, and have further heads for training."""
HALVES = (0.5, 0.5, 0.5)
"""The mean and the deviation that bring numbers from [0, 1] to [-1, 1]."""
AUXILIARY = ("aux1.", "aux2.", "AuxLogits.")
"""How the names of weights in these heads begin."""


def classifier(*, name: str, weights: Path | None, labels: Path | None) -> Network:
    """Return the network with the best weights that torchvision has for it, or with those in a
    file.

    Layers are torchvision's own names (layer3.5.conv2, inception4c, features.28). weights: a file
    of this network's, for any count of classes. labels: a text file with their names. Raises
    UserError for an unknown name, or for weights that can be neither found nor downloaded.
    """
    known = torchvision.models.list_models(module=torchvision.models)
    if name not in known:
        raise UserError(
            f"model.name: must be one of torchvision's classifiers, got {name!r}; "
            f"near ones are {near_names(name, known)}"
        )
    published = torchvision.models.get_model_weights(name)["DEFAULT"]
    classes = tuple(published.meta["categories"])
    if weights is None:
        build = partial(torchvision.models.get_model, name)
        module, sha256 = with_weights(
            build, published, key="model", without="model=efficientnet_lite0"
        )
        count = len(classes)
    else:
        module, sha256, count = with_own_weights(
            partial(bare_network, name), weights, name=name, key="model.weights", aside=AUXILIARY
        )
        classes = ()
    if labels is not None:
        classes = read_labels(labels, count, "model.labels")
    look = published.transforms()
    mean, deviation = look.mean, look.std
    if getattr(module, "transform_input", False):
        # it would undo these to have numbers in [-1, 1]; so they are as soon as both are left out
        module.transform_input, mean, deviation = False, HALVES, HALVES  # type: ignore[assignment]
    return torchvision_network(
        module,
        side=look.crop_size[0],
        mean=mean,
        deviation=deviation,
        weights_sha256=sha256,
        classes=classes,
        headless=not count,
    )


def bare_network(name: str, classes: int) -> nn.Module:
    """Return the network of this name for so many classes, as its published weights expect it."""
    further = {}
    if name in SHIFTING:
        further = {"aux_logits": False, "transform_input": True, "init_weights": False}
    module: nn.Module = torchvision.models.get_model(
        name, weights=None, num_classes=classes, **further
    )
    return module


def torchvision_network(module: nn.Module, *, side: int, **settings: Any) -> Network:
    """Return one of torchvision's modules as a Model. side: of the pictures that it was trained
    on."""
    if isinstance(module, VisionTransformer):
        sides = Sides(whole=module.conv_proj.kernel_size[0])
        module = AnySize(module)
    elif isinstance(module, MaxVit):
        sides = Sides(only=side)  # its windows are laid out when it is made
    else:
        sides = Sides()
    return Network(module, sides=sides, leaves=[Tokens], **settings)


class AnySize(nn.Module):
    """torchvision's vision transformer for pictures of any size in whole patches."""

    def __init__(self, vit: VisionTransformer) -> None:
        super().__init__()
        self.conv_proj = vit.conv_proj
        self.tokens = Tokens(vit)
        self.encoder = nn.Sequential(OrderedDict(layers=vit.encoder.layers, ln=vit.encoder.ln))
        self.heads = vit.heads

    def forward(self, x: Tensor) -> Tensor:
        """Return (1, 3, H, W) -> (1, classes)."""
        scores: Tensor = self.heads(self.encoder(self.tokens(self.conv_proj(x)))[:, 0])
        return scores


class Tokens(nn.Module):
    """A map of patches as a list of tokens that know where they are, behind the class token.

    Positions are interpolated to the map's size: Dosovitskiy et al. 2021, section 3.2.
    """

    def __init__(self, vit: VisionTransformer) -> None:
        super().__init__()
        self.class_token = vit.class_token
        self.positions = vit.encoder.pos_embedding
        self.side = vit.image_size // vit.patch_size

    def forward(self, patches: Tensor) -> Tensor:
        """Return (1, C, h, w) -> (1, 1 + h w, C)."""
        first, places = self.positions[:, :1], self.positions[:, 1:]
        square = places.transpose(1, 2).unflatten(2, (self.side, self.side))
        if square.shape[2:] != patches.shape[2:]:
            square = F.interpolate(square, patches.shape[2:], mode="bicubic", align_corners=False)
        placed = (patches + square).flatten(2).transpose(1, 2)
        return torch.cat([self.class_token + first, placed], dim=1)
