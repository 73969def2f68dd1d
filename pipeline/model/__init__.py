"""Contract: the network that is looked into. One file a family, a network is a yaml."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol, TypeAlias

import torch
from torch import Tensor

from pipeline.frame import Image

Activations: TypeAlias = Mapping[str, Tensor]
"""Layer name -> (1, C, h, w) float32; h and w shrink with the layer's stride."""


class Model(Protocol):
    """A frozen network, seen only through the activations of its layers."""

    weights_sha256: str
    """Of the weights file, in hex: which network this was."""

    @property
    def classes(self) -> tuple[str, ...]:
        """What the last layer tells apart, in the order of its channels; empty = nobody knows."""

    def __call__(self, image: Image, layers: Sequence[str]) -> Activations:
        """The activations of these layers for an RGB image in [0, 1]; nothing deeper is run.

        What the network expects of its input (mean, scale, order) is its own affair. Raises
        UserError for a name that is not in `layers()`.
        """

    def layers(self) -> Sequence[str]:
        """The names of all layers that may be asked for, in the order in which they are run."""

    def channels(self, layer: str) -> int:
        """How many channels this layer has. Raises UserError for a name not in `layers()`."""

    def smallest_side(self, layers: Sequence[str]) -> int:
        """The least height and width, in pixels, of an image that these layers can look at."""

    def to(self, device: torch.device) -> Model:
        """The same network on this device."""
