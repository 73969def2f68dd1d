"""InceptionV1 (Szegedy et al. 2015) as first published, in Caffe and TensorFlow, from a file.

These are the networks of the first deepdreams and of lucid. torchvision's GoogLeNet has the same
blocks, but batch norms, and was trained separately. The layouts of the files are those of
neural-dream and lucent: bvlc_googlenet, googlenet_places365, inception5h.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn
from torchvision.models import GoogLeNet_Weights

from pipeline.errors import UserError, printable
from pipeline.model.layer_names import rename_of
from pipeline.model.network.module import Network
from pipeline.runtime.weights import read_labels
from pipeline.runtime.weights_file import read_tensors

log = logging.getLogger(__name__)

KEY = "model.weights"
BLOCKS = ("3a", "3b", "4a", "4b", "4c", "4d", "4e", "5a", "5b")
BRANCHES = ("branch1", "branch2.0", "branch2.1", "branch3.0", "branch3.1", "branch4.1")
STEM = ("conv1", "conv2", "conv3")
HEAD = "fc"
SMALL = 64
"""Side in pixels of the picture with which a network is tried."""
SUFFIXES = ("_pre_relu_conv", "_pre_relu_matmul", "_matmul")
"""Suffixes of the names of TensorFlow's operations."""
AUXILIARY = ("loss1_", "loss2_", "head", "nn0", "nn1", "softmax0", "softmax1")
"""Prefixes of the names of the auxiliary heads, which are ignored."""


@dataclass(frozen=True)
class Style:
    """What differs between the two versions of the network."""

    name: str
    """Name of the program."""
    first: str
    """Name of the first layer in its files."""
    mean: tuple[float, float, float]
    """Mean of the input, RGB, of 255."""
    is_bgr: bool
    """Whether the channels of the input are blue, green, red."""
    padding: tuple[int, int, int, int]
    """Padding of the first convolution: left, right, top, bottom."""
    norm_size: int
    """Number of channels of the local response normalisation."""
    norm_power: float
    """Its exponent."""


CAFFE = Style("Caffe", "conv1_7x7_s2", (123, 117, 104), True, (3, 3, 3, 3), 5, 0.75)
TENSORFLOW = Style(
    "TensorFlow", "conv2d0_pre_relu_conv", (117, 117, 117), False, (2, 3, 2, 3), 9, 0.5
)


def inceptionv1(*, weights: Path, labels: Path | None) -> Network:
    """Return the network with the weights of a file, in Caffe's or TensorFlow's version.

    Layers have torchvision's names (inception4c), lucid's (mixed4c) or Caffe's
    (inception_4c/output). The file may end with any block, and may lack a head; numbers of channels
    and classes are the file's. labels: a text file with the names of the classes. Raises UserError
    for a file that cannot be read or has another layout.
    """
    tensors, sha256 = read_tensors(weights, KEY)
    style = next((s for s in (CAFFE, TENSORFLOW) if f"{s.first}.weight" in tensors), None)
    if style is None:
        found = printable(next(iter(tensors)))
        raise UserError(
            f"{KEY}: must be InceptionV1 in the layout of Caffe (conv1_7x7_s2) or TensorFlow "
            f"(conv2d0_pre_relu_conv), got {printable(weights)} with {found}; for torchvision's "
            "layout set model=googlenet"
        )
    own = _own_names(tensors, weights)
    count = own[f"{HEAD}.bias"].shape[0] if f"{HEAD}.bias" in own else 0
    module = _built(own, style, weights)
    if style.is_bgr:
        own["conv1.weight"] = own["conv1.weight"].flip(1)
    _load(module, own, weights)
    classes: tuple[str, ...] = ()
    if labels is not None:
        classes = read_labels(labels, count, "model.labels")
    elif style is CAFFE and count == 1000:
        classes = tuple(GoogLeNet_Weights.DEFAULT.meta["categories"])
    log.info("%s: InceptionV1 of %s, %d classes", printable(weights), style.name, count)
    return Network(
        module,
        mean=[value / 255 for value in style.mean],
        deviation=[1 / 255] * 3,
        weights_sha256=sha256,
        classes=classes,
        headless=not count,
        rename=rename_of("googlenet"),
    )


class InceptionV1(nn.Module):
    """The network, with as many blocks as there are weights, named as in torchvision."""

    def __init__(self, shapes: Mapping[str, torch.Size], style: Style) -> None:
        """shapes: name of a weight -> its shape."""
        super().__init__()
        self.conv1 = nn.Sequential(
            nn.ZeroPad2d(style.padding), *_convolution(shapes, "conv1", stride=2, padding=0)
        )
        self.conv2, self.conv3 = (_convolution(shapes, name) for name in STEM[1:])
        self.norm1, self.norm2 = (
            nn.LocalResponseNorm(style.norm_size, alpha=1e-4, beta=style.norm_power, k=1)
            for _ in range(2)
        )
        self.blocks = [block for block in BLOCKS if f"inception{block}.branch1.weight" in shapes]
        self.maxpool1, self.maxpool2, self.maxpool3, self.maxpool4 = (
            nn.MaxPool2d(3, 2, ceil_mode=True) for _ in range(4)
        )
        for block in self.blocks:
            setattr(self, f"inception{block}", Block(shapes, f"inception{block}"))
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        head = shapes.get(f"{HEAD}.weight")
        self.fc = None if head is None else nn.Linear(head[1], head[0])

    def forward(self, x: Tensor) -> Tensor:
        """Map (1, 3, H, W) to class scores, (1, classes), or to the last block without a head."""
        x = self.norm1(self.maxpool1(self.conv1(x)))
        x = self.maxpool2(self.norm2(self.conv3(self.conv2(x))))
        for block in self.blocks:
            if block == "4a":
                x = self.maxpool3(x)
            if block == "5a":
                x = self.maxpool4(x)
            x = getattr(self, f"inception{block}")(x)
        return x if self.fc is None else self.fc(self.avgpool(x).flatten(1))


class Block(nn.Module):
    """Four branches whose results are joined."""

    def __init__(self, shapes: Mapping[str, torch.Size], name: str) -> None:
        """name: of the block, which precedes the names of its weights in `shapes`."""
        super().__init__()

        def convolution(branch: str) -> nn.Sequential:
            return _convolution(shapes, f"{name}.{branch}")

        self.branch1 = convolution("branch1")
        self.branch2 = nn.Sequential(convolution("branch2.0"), convolution("branch2.1"))
        self.branch3 = nn.Sequential(convolution("branch3.0"), convolution("branch3.1"))
        self.branch4 = nn.Sequential(nn.MaxPool2d(3, 1, padding=1), convolution("branch4.1"))

    def forward(self, x: Tensor) -> Tensor:
        """Map (1, C, h, w) to (1, D, h, w)."""
        return torch.cat([self.branch1(x), self.branch2(x), self.branch3(x), self.branch4(x)], 1)


def _convolution(
    shapes: Mapping[str, torch.Size], name: str, *, stride: int = 1, padding: int | None = None
) -> nn.Sequential:
    """Return a convolution with a ReLU for the weight of this name. padding: None: keeps the size.

    Raises KeyError.
    """
    out, into, side, _ = shapes[f"{name}.weight"]
    margin = side // 2 if padding is None else padding
    return nn.Sequential(nn.Conv2d(into, out, side, stride, margin), nn.ReLU(inplace=True))


def _own_names(tensors: Mapping[str, Tensor], path: Path) -> dict[str, Tensor]:
    """Return the tensors by torchvision's names of their layers: conv1.weight. Raises UserError."""
    rename, own = rename_of("googlenet"), dict[str, Tensor]()
    blocks = {f"inception{block}.{branch}" for block in BLOCKS for branch in BRANCHES}
    for name, tensor in tensors.items():
        layer, _, kind = name.rpartition(".")
        for suffix in SUFFIXES:
            layer = layer.removesuffix(suffix)
        layer = rename(layer.removesuffix("_1") if layer.endswith("classifier_1") else layer)
        if layer in blocks or layer in (*STEM, HEAD):
            own[f"{layer}.{kind}"] = tensor
        elif not name.startswith(AUXILIARY):
            raise UserError(
                f"{KEY}: must contain InceptionV1 alone, got {printable(path)} with "
                f"{printable(name)}; choose the network that it belongs to"
            )
    return own


def _built(own: Mapping[str, Tensor], style: Style, path: Path) -> InceptionV1:
    """Return the network for tensors of these shapes. Raises UserError if they do not fit."""
    try:
        module = InceptionV1({name: tensor.shape for name, tensor in own.items()}, style)
        with torch.no_grad():
            module(torch.zeros(1, 3, SMALL, SMALL))
    except (KeyError, ValueError, RuntimeError) as error:
        missing = isinstance(error, KeyError)
        problem = f"without {error}" if missing else "with weights that do not fit each other"
        raise UserError(
            f"{KEY}: must contain all weights of each block, got {printable(path)} "
            f"{printable(problem)}; use an undamaged copy"
        ) from error
    return module


def _load(module: InceptionV1, own: Mapping[str, Tensor], path: Path) -> None:
    """Load the tensors into the module. Raises UserError if one is missing or does not fit."""
    for name, parameter in module.named_parameters():
        parts = name.split(".")
        # a convolution is the first module of its nn.Sequential, behind the padding in the stem
        layer = HEAD if parts[0] == HEAD else ".".join(parts[:-2])
        tensor = own.get(f"{layer}.{parts[-1]}")
        if tensor is None or tensor.shape != parameter.shape or not tensor.isfinite().all():
            raise UserError(
                f"{KEY}: must contain finite weights of {layer} that fit those before, got others "
                f"in {printable(path)}; use an undamaged copy"
            )
        parameter.data = tensor.float()
