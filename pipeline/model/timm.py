"""Any network of timm (Wightman 2019, "PyTorch Image Models") by its name there: an extra."""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torchvision.models import ResNet50_Weights

from pipeline.errors import UserError
from pipeline.model.network.input_size import sides_of
from pipeline.model.network.module import Network, near_names
from pipeline.runtime.weights import read_labels, with_own_weights

ANY_SIZE: tuple[dict[str, bool], ...] = ({"dynamic_img_size": True}, {"strict_img_size": False}, {})
"""How timm's transformers are told to look at any size; a family knows one of these or none."""
OTHERWISE = "or use model=efficientnet_lite0, which needs none"


def named(*, name: str, weights: Path | None, labels: Path | None) -> Network:
    """Return the network with the weights that timm publishes under this name, or with those in a
    file.

    Layers are the dotted names of its modules (layer3.1, blocks.7, stages.2.blocks.5). weights: a
    file of this network's, for any count of classes. labels: a text file with their names. Raises
    UserError for an unknown name, for weights that cannot be had, or if timm is not installed.
    """
    if importlib.util.find_spec("timm") is None:
        raise UserError("model: needs timm; run: pip install 'dreamreel[timm]'")
    _check_name(name)
    if weights is None:
        path = _published(name)
        # as it comes from the hub, for what another file of the same network would be converted
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
    return timm_network(module, weights_sha256=sha256, classes=classes, headless=not count)


def built(name: str, **settings: Any) -> Any:
    """Return the module of this name, ready for pictures of any size where its family can be."""
    for any_size in ANY_SIZE:
        try:
            return _timm().create_model(name, **any_size, **settings)
        except TypeError:  # the family does not know this setting
            if not any_size:
                raise
    raise AssertionError("the last one returns or raises")


def timm_network(
    module: Any, *, weights_sha256: str, classes: Sequence[str], headless: bool = False
) -> Network:
    """Return one of timm's modules as a Model. headless: whether it tells nothing apart."""
    untraced, expected = _timm(".models._features_fx"), module.pretrained_cfg
    return Network(
        module.eval(),
        mean=expected["mean"],
        deviation=expected["std"],
        weights_sha256=weights_sha256,
        leaves=untraced.get_notrace_modules(),
        functions=untraced.get_notrace_functions(),
        classes=classes,
        headless=headless or not module.num_classes,
        sides=sides_of(module, only=expected["input_size"][1]),
    )


def _timm(module: str = "") -> Any:
    """timm itself, or a part of it: imported when it is needed, for it need not be there."""
    return importlib.import_module(f"timm{module}")


def _check_name(name: str) -> None:
    """Check that timm has a network of this name. Raises UserError, offering the near ones."""
    tagged, architectures = _timm().list_pretrained(), _timm().list_models()
    if name not in tagged and name not in architectures:
        known = tagged if "." in name else architectures
        raise UserError(
            f"model.name: must be one of timm's networks, got {name!r}; "
            f"near ones are {near_names(name, known)}"
        )


def _published(name: str) -> Path:
    """Return the file with the published weights, from the cache or fetched once. Raises
    UserError."""
    from huggingface_hub import hf_hub_download

    found = _timm().get_pretrained_cfg(name)
    if not found or not (found.hf_hub_id or found.url):
        raise UserError(
            f"model.name: must be a network with published weights, got {name!r}, which has none; "
            "give some as model.weights=FILE, or choose another"
        )
    repository, _, revision = (found.hf_hub_id or "").partition("@")
    file = found.hf_hub_filename or "model.safetensors"
    url = f"https://huggingface.co/{repository}/resolve/{revision or 'main'}/{file}"
    url = url if repository else found.url
    # it tells each of its attempts in a line of its own
    logging.getLogger("huggingface_hub").setLevel(logging.CRITICAL)
    try:
        if repository:
            return Path(hf_hub_download(repository, file, revision=revision or None))
        path = Path(torch.hub.get_dir()) / "checkpoints" / Path(url).name
        torch.hub.load_state_dict_from_url(url, weights_only=True, progress=False)
        return path
    except Exception as error:  # hubs fail in the ways of several libraries
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise UserError(
            f"model: the weights must be readable, downloaded once, got {reason!r}; "
            f"fetch {url} and set model.weights=FILE, {OTHERWISE}"
        ) from error


def _classes(module: nn.Module) -> tuple[str, ...]:
    """Return the names of ImageNet's classes, if it is these that the network tells apart."""
    subset = _timm(".data").infer_imagenet_subset(module)
    if subset is None:
        return ()
    if subset == "imagenet-1k":
        return tuple(ResNet50_Weights.DEFAULT.meta["categories"])  # as the other families say them
    info = _timm(".data").ImageNetInfo(subset)
    return tuple(lemmas.partition(",")[0] for lemmas in info.label_descriptions())
