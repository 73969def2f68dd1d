"""Names of layers in other programs, and the networks that layers belong to."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection

Rename = Callable[[str], str]
"""Name of a layer in any program -> its name in torchvision; other names stay as they are."""

STEM = {
    "conv1": "conv2d0 conv1/7x7_s2 conv1_7x7_s2",
    "maxpool1": "maxpool0 pool1/3x3_s2 pool1_3x3_s2",
    "conv2": "conv2d1 conv2/3x3_reduce conv2_3x3_reduce",
    "conv3": "conv2d2 conv2/3x3 conv2_3x3",
    "maxpool2": "pool2/3x3_s2 pool2_3x3_s2",
    "fc": "softmax2_pre_activation loss3/classifier loss3_classifier",
}
"""Layer of torchvision's GoogLeNet outside of its blocks -> its names in lucid and in Caffe."""
STEM_NAMES = {name: own for own, names in STEM.items() for name in names.split()}
BLOCK = re.compile(r"(?:mixed|inception_)([345][a-e])(?:[/_](\w+))?")
"""Pattern of the name of a block of GoogLeNet, or of a part of it, in lucid and in Caffe."""
PARTS = {
    "": ("output",),
    ".branch1": ("1x1",),
    ".branch2.0": ("3x3_reduce", "3x3_bottleneck"),
    ".branch2.1": ("3x3",),
    ".branch3.0": ("5x5_reduce", "5x5_bottleneck"),
    ".branch3.1": ("5x5",),
    ".branch4.0": ("pool",),
    ".branch4.1": ("pool_proj", "pool_reduce"),
}
"""Part of a block in torchvision -> its names in Caffe and in lucid."""
PART_NAMES = {name: own for own, names in PARTS.items() for name in names}
OF_VGG = re.compile(r"(conv|relu|pool)([1-5])(?:_([1-4]))?")
"""Pattern of the name of a layer of a VGG network in Caffe."""
VGG = {
    "vgg11": (1, 1, 2, 2, 2),
    "vgg13": (2, 2, 2, 2, 2),
    "vgg16": (2, 2, 3, 3, 3),
    "vgg19": (2, 2, 4, 4, 4),
}
"""Network -> number of convolutions in each of its blocks."""
SQUEEZENET = {"conv1": 0, "pool1": 2, "fire2": 3, "fire3": 4, "pool3": 5, "fire4": 6, "fire5": 7,
              "pool5": 8, "fire6": 9, "fire7": 10, "fire8": 11, "fire9": 12}  # fmt: skip
"""Layer of SqueezeNet 1.1 in Caffe -> its place in torchvision."""
OWNERS = {
    "model=googlenet": r"inception_?[345][a-e]\b.*|mixed[345][a-e]\b.*|conv2d[012]",
    "model=vgg16": r"features\.\d+(\..*)?|(conv|relu)[1-5]_[1-4]",
    "model=squeezenet": r"fire[2-9]",
    "model=resnet50": r"layer[1-4](\.\d+.*)?",
    "model=torchvision model.name=inception_v3": r"Mixed_[567][a-e]\b.*|Conv2d_\d[ab]_\dx\d",
    "model=efficientnet_lite0": r"blocks\.\d+(\..*)?",
}
"""Setting of a network -> pattern of the names that its layers have in any program."""


def rename_of(network: str) -> Rename:
    """Return the function that translates names of layers for this network of torchvision."""
    if network == "googlenet":
        return _in_googlenet
    if network == "squeezenet1_1":
        return lambda layer: f"features.{SQUEEZENET[layer]}" if layer in SQUEEZENET else layer
    name, _, norm = network.partition("_")
    if name in VGG:
        return lambda layer: _in_vgg(layer, VGG[name], 3 if norm == "bn" else 2)
    return lambda layer: layer


def owner_of(layer: str, known: Collection[str]) -> str:
    """Return the setting of the network that a layer of this name belongs to; empty: unknown.

    known: layers of the network that does not have it. Empty too if they have names of that kind.
    """
    for owner, pattern in OWNERS.items():
        if re.fullmatch(pattern, layer):
            has_such = any(re.fullmatch(pattern, name) for name in known)
            return "" if has_such else owner
    return ""


def _in_googlenet(layer: str) -> str:
    if layer in STEM_NAMES:
        return STEM_NAMES[layer]
    match = BLOCK.fullmatch(layer)
    if match is None or (match[2] or "output") not in PART_NAMES:
        return layer
    return f"inception{match[1]}{PART_NAMES[match[2] or 'output']}"


def _in_vgg(layer: str, blocks: Collection[int], modules: int) -> str:
    """Return the name in torchvision, whose layers are numbered.

    blocks: number of convolutions in each block. modules: number of modules of a convolution with
    its ReLU.
    """
    match = OF_VGG.fullmatch(layer)
    if match is None:
        return layer
    kind, block, place = match[1], int(match[2]) - 1, int(match[3] or 0)
    counts = [*blocks]
    first = sum(counts[:block]) * modules + block
    if kind == "pool":
        return layer if place else f"features.{first + counts[block] * modules}"
    if not 1 <= place <= counts[block]:
        return layer
    return f"features.{first + (place - 1) * modules + (modules - 1 if kind == 'relu' else 0)}"
