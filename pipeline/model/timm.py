"""Any network of timm (Wightman 2019, "PyTorch Image Models") by name; timm is optional."""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import logging
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torchvision.models import ResNet50_Weights

from pipeline.errors import UserError, printable
from pipeline.model.network.input_size import Sides, sides_of
from pipeline.model.network.module import Network, similar_names
from pipeline.runtime.weights import read_labels, with_own_weights

log = logging.getLogger(__name__)

ANY_SIZE: tuple[dict[str, bool], ...] = ({"dynamic_img_size": True}, {"strict_img_size": False}, {})
"""Settings that let timm's transformers accept any image size; a family has one or none."""
OTHERWISE = "or model=efficientnet_lite0, which needs no download"


def named(*, name: str, weights: Path | None, labels: Path | None) -> Network:
    """Return timm's network of this name with its published weights, or with those in a file.

    Layers are the dotted names of its modules (layer3.1, blocks.7, stages.2.blocks.5). weights: a
    file with weights of this network, for any number of classes. labels: a text file with the class
    names. Raises UserError for an unknown name, for weights that cannot be downloaded, for files
    that cannot be read or do not match, and if timm is not installed.
    """
    if importlib.util.find_spec("timm") is None:
        raise UserError("model: must have timm installed, got none; run: pip install timm")
    _check_name(name)
    if weights is None:
        path = _published_weights(name)
        # load the hub's file as it is: custom_load would convert another format, such as .npz
        file = {"file": str(path), "custom_load": False}
        module = built(name, pretrained=True, pretrained_cfg_overlay=file)
        sha256, count = hashlib.sha256(path.read_bytes()).hexdigest(), module.num_classes
        classes = _classes(module)
    else:
        module, sha256, count = with_own_weights(
            lambda count: built(name, num_classes=count), weights, name=name, key="model.weights"
        )
        classes = ()
    if labels is not None:
        classes = read_labels(labels, count, "model.labels")
    if weights is not None:
        log.info("%s: weights of %s, %d classes", printable(weights), name, count)
    return timm_network(module, weights_sha256=sha256, classes=classes, headless=not count)


def check_layers(name: str, layers: Iterable[str]) -> None:
    """Raise UserError if timm's network of this name does not have one of the layers.

    Its weights are not needed, so that a typo is found before they are downloaded. Does nothing if
    timm is not installed, or if the name is unknown.
    """
    known = importlib.util.find_spec("timm") is not None
    if not known or name not in (*_timm().list_pretrained(), *_timm().list_models()):
        return
    with torch.device("meta"):
        network = timm_network(built(name), weights_sha256="", classes=(), sides=Sides())
    network.check_layers(layers)


def built(name: str, **settings: Any) -> Any:
    """Return the module of this name, for images of any size if its family supports that."""
    for any_size in ANY_SIZE:
        try:
            return _timm().create_model(name, **any_size, **settings)
        except TypeError:  # the family does not know this setting
            if not any_size:
                raise
    raise AssertionError("the last one returns or raises")


def timm_network(
    module: Any,
    *,
    weights_sha256: str,
    classes: Sequence[str],
    headless: bool = False,
    sides: Sides | None = None,
) -> Network:
    """Return a timm module as a Model.

    headless: whether its classification head has no weights. classes: class names, if known.
    sides: sizes of the pictures that it accepts; None: they are tried.
    """
    features_fx, input_config = _timm(".models._features_fx"), module.pretrained_cfg
    return Network(
        module.eval(),
        mean=input_config["mean"],
        deviation=input_config["std"],
        weights_sha256=weights_sha256,
        leaves=features_fx.get_notrace_modules(),
        functions=features_fx.get_notrace_functions(),
        classes=classes,
        headless=headless or not module.num_classes,
        sides=sides or sides_of(module, only=input_config["input_size"][1]),
    )


def _timm(module: str = "") -> Any:
    """Return timm or one of its modules, imported on demand because timm is optional."""
    return importlib.import_module(f"timm{module}")


def _check_name(name: str) -> None:
    """Raise UserError, with similar names, unless timm has a network of this name."""
    tagged, architectures = _timm().list_pretrained(), _timm().list_models()
    if name not in tagged and name not in architectures:
        known = tagged if "." in name else architectures
        raise UserError(
            f"model.name: must be one of timm's networks, got {name!r}; "
            f"{similar_names(name, known)}"
        )


def _published_weights(name: str) -> Path:
    """Return the file with the published weights, downloaded unless it is cached.

    Raises UserError if no weights are published or they cannot be downloaded.
    """
    from huggingface_hub import hf_hub_download

    weights_config = _timm().get_pretrained_cfg(name)
    if not weights_config or not (weights_config.hf_hub_id or weights_config.url):
        raise UserError(
            f"model.name: must be a network with published weights, got {name!r}, which has none; "
            "set model.weights=FILE, or choose another network"
        )
    repository, _, revision = (weights_config.hf_hub_id or "").partition("@")
    file = weights_config.hf_hub_filename or "model.safetensors"
    url = f"https://huggingface.co/{repository}/resolve/{revision or 'main'}/{file}"
    url = url if repository else weights_config.url
    # it logs a line for every attempt
    logging.getLogger("huggingface_hub").setLevel(logging.CRITICAL)
    try:
        if repository:
            return Path(hf_hub_download(repository, file, revision=revision or None))
        path = Path(torch.hub.get_dir()) / "checkpoints" / Path(url).name
        torch.hub.load_state_dict_from_url(url, weights_only=True, progress=False)
        return path
    except Exception as error:  # the hubs raise errors of several libraries
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise UserError(
            f"model: must have weights that are in the cache or can be downloaded, got {reason!r}; "
            f"download {url} and set model.weights=FILE, {OTHERWISE}"
        ) from error


def _classes(module: nn.Module) -> tuple[str, ...]:
    """Return the class names of an ImageNet classifier (1k, 12k, 21k ...); () for others."""
    subset = _timm(".data").infer_imagenet_subset(module)
    if subset is None:
        return ()
    if subset == "imagenet-1k":
        return tuple(ResNet50_Weights.DEFAULT.meta["categories"])  # as in the other families
    info = _timm(".data").ImageNetInfo(subset)
    return tuple(lemmas.partition(",")[0] for lemmas in info.label_descriptions())
