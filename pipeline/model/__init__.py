"""Contract: the network to dream with. One file per family, one yaml per network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol, TypeAlias

import torch
from torch import Tensor

from pipeline.frame import Image

Activations: TypeAlias = Mapping[str, Tensor]
"""Layer name -> (1, C, h, w) float32; h and w shrink with the layer's stride. (1, C) for layers
without a map, such as class scores."""


class Model(Protocol):
    """A frozen network, accessed only through the activations of its layers."""

    weights_sha256: str
    """SHA-256 of the weights file, in hex; identifies the network."""

    @property
    def scores(self) -> Mapping[str, tuple[str, ...]]:
        """Layers whose channels are class scores -> names of these classes.

        Names are empty if they are unknown. No layers: the network is not a classifier.
        """

    def __call__(self, image: Image, layers: Sequence[str]) -> Activations:
        """Return the activations of these layers for an RGB image in [0, 1].

        Deeper layers are not run. The network normalises the image itself (mean, scale, channel
        order). Raises UserError for a name that is neither in `layers()` nor a block of layers.
        """

    def layers(self) -> Sequence[str]:
        """Return the names of all layers that can be requested, in execution order.

        A block of layers can be requested by the dotted prefix that their names share.
        """

    def channels(self, layer: str) -> int:
        """Return the number of channels of this layer.

        Raises UserError for a name that is neither in `layers()` nor a block of layers.
        """

    def smallest_side(self, layers: Sequence[str]) -> int:
        """Return the smallest height and width, in pixels, of an image for which these layers
        work.
        """

    def to(self, device: torch.device) -> Model:
        """Return the same network on this device."""
