"""Any torchvision classifier by name, with its ImageNet weights or with a file of weights."""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
import torchvision.models
from torch import Tensor, nn
from torchvision.models import MaxVit, VisionTransformer

from pipeline.errors import UserError, printable
from pipeline.model.layer_names import rename_of
from pipeline.model.network.input_size import Sides
from pipeline.model.network.module import Network, similar_names
from pipeline.runtime.weights import is_cached, read_labels, with_own_weights, with_weights

log = logging.getLogger(__name__)

SHIFTING = ("googlenet", "inception_v3")
"""Networks that convert their input to TensorFlow's range and have auxiliary training heads."""
HALVES = (0.5, 0.5, 0.5)
"""Mean and standard deviation that normalise [0, 1] to [-1, 1]."""
AUXILIARY = ("aux1.", "aux2.", "AuxLogits.")
"""Prefixes of the weight names of the auxiliary heads, which are ignored."""


def classifier(*, name: str, weights: Path | None, labels: Path | None) -> Network:
    """Return the network with torchvision's best weights for it, or with those in a file.

    Layers have torchvision's names (layer3.5.conv2, inception4c, features.28); for GoogLeNet those
    of lucid (mixed4c) and Caffe (inception_4c/output) work too, for VGG those of Caffe (relu4_3).
    weights: a file with weights of this network, for any number of classes. labels: a text file
    with the class names.
    Raises UserError for an unknown name, for weights that cannot be downloaded, and for files that
    cannot be read or do not match.
    """
    known = torchvision.models.list_models(module=torchvision.models)
    if name not in known:
        raise UserError(
            f"model.name: must be one of torchvision's classifiers, got {name!r}; "
            f"{similar_names(name, known)}"
        )
    pretrained = torchvision.models.get_model_weights(name)["DEFAULT"]
    classes = tuple(pretrained.meta["categories"])
    if weights is None:
        build = partial(torchvision.models.get_model, name)
        module, sha256 = with_weights(
            build, pretrained, key="model", without="model=efficientnet_lite0"
        )
        count = len(classes)
    else:
        module, sha256, count = with_own_weights(
            partial(bare_network, name), weights, name=name, key="model.weights", aside=AUXILIARY
        )
        classes = ()
    if labels is not None:
        classes = read_labels(labels, count, "model.labels")
    if weights is not None:
        log.info("%s: weights of %s, %d classes", printable(weights), name, count)
    preset = pretrained.transforms()
    mean, deviation = preset.mean, preset.std
    if getattr(module, "transform_input", False):
        # it converts ImageNet's normalisation to [-1, 1]: skip both steps, normalise to [-1, 1]
        module.transform_input, mean, deviation = False, HALVES, HALVES  # type: ignore[assignment]
    return torchvision_network(
        module,
        side=preset.crop_size[0],
        rename=rename_of(name),
        mean=mean,
        deviation=deviation,
        weights_sha256=sha256,
        classes=classes,
        headless=not count,
    )


def check_layers(name: str, layers: Iterable[str]) -> None:
    """Raise UserError if a classifier of this name does not have one of the layers.

    Its weights are not needed, so that a typo is found before they are downloaded. Does nothing if
    they are cached, or if the name is unknown.
    """
    if name not in torchvision.models.list_models(module=torchvision.models):
        return
    if is_cached(torchvision.models.get_model_weights(name)["DEFAULT"]):
        return
    with torch.device("meta"):
        network = torchvision_network(
            bare_network(name, 1000),
            side=224,
            mean=HALVES,
            deviation=HALVES,
            weights_sha256="",
            rename=rename_of(name),
        )
    network.check_layers(layers)


def bare_network(name: str, classes: int) -> nn.Module:
    """Return the untrained network for `classes` classes, as its published weights require it."""
    options = {}
    if name in SHIFTING:
        options = {"aux_logits": False, "transform_input": True, "init_weights": False}
    module: nn.Module = torchvision.models.get_model(
        name, weights=None, num_classes=classes, **options
    )
    return module


def torchvision_network(module: nn.Module, *, side: int, **settings: Any) -> Network:
    """Return a torchvision module as a Model.

    side: height and width, in pixels, of the images that it was trained on.
    """
    if isinstance(module, VisionTransformer):
        sides = Sides(whole=module.conv_proj.kernel_size[0])
        module = AnySize(module)
    elif isinstance(module, MaxVit):
        sides = Sides(only=side)  # its windows are fixed at construction
    else:
        sides = Sides()
    return Network(module, sides=sides, leaves=[Tokens], **settings)


class AnySize(nn.Module):
    """torchvision's vision transformer for images whose sides are multiples of the patch size."""

    def __init__(self, vit: VisionTransformer) -> None:
        super().__init__()
        self.conv_proj = vit.conv_proj
        self.tokens = Tokens(vit)
        self.encoder = nn.Sequential(OrderedDict(layers=vit.encoder.layers, ln=vit.encoder.ln))
        self.heads = vit.heads

    def forward(self, x: Tensor) -> Tensor:
        """Map (1, 3, H, W) to class scores, (1, classes)."""
        scores: Tensor = self.heads(self.encoder(self.tokens(self.conv_proj(x)))[:, 0])
        return scores


class Tokens(nn.Module):
    """Conversion of a map of patches to the class token and tokens with position embeddings.

    Position embeddings are interpolated to the map's size: Dosovitskiy et al. 2021, section 3.2.
    """

    def __init__(self, vit: VisionTransformer) -> None:
        super().__init__()
        self.class_token = vit.class_token
        self.positions = vit.encoder.pos_embedding
        self.side = vit.image_size // vit.patch_size

    def forward(self, patches: Tensor) -> Tensor:
        """Map patches, (1, C, h, w), to tokens, (1, 1 + h w, C)."""
        class_position, patch_positions = self.positions[:, :1], self.positions[:, 1:]
        grid = patch_positions.transpose(1, 2).unflatten(2, (self.side, self.side))
        if grid.shape[2:] != patches.shape[2:]:
            grid = F.interpolate(grid, patches.shape[2:], mode="bicubic", align_corners=False)
        patch_tokens = (patches + grid).flatten(2).transpose(1, 2)
        return torch.cat([self.class_token + class_position, patch_tokens], dim=1)
