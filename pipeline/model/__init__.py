"""Contract: the network that is looked into. One file a family, a network is a yaml."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol, TypeAlias

import torch
from torch import Tensor

from pipeline.frame import Image

Activations: TypeAlias = Mapping[str, Tensor]
"""Layer name -> (1, C, h, w) float32; h and w shrink with the layer's stride. A layer that sees the
picture as a whole gives (1, C)."""


class Model(Protocol):
    """A frozen network, seen only through the activations of its layers."""

    weights_sha256: str
    """Of the weights file, in hex: which network this was."""

    @property
    def scores(self) -> Mapping[str, tuple[str, ...]]:
        """The layers whose channels are class scores, with the names of these classes.

        A layer without names: nobody knows them. No layer: the network tells nothing apart.
        """

    def __call__(self, image: Image, layers: Sequence[str]) -> Activations:
        """Return the activations of these layers for an RGB image in [0, 1]; nothing deeper is run.

        What the network expects of its input (mean, scale, order) is its own affair. Raises
        UserError for a name that is not in `layers()`.
        """

    def layers(self) -> Sequence[str]:
        """Return the names of all layers that may be asked for, in the order in which they are run.

        A block of them may be asked for by the name that they begin with.
        """

    def channels(self, layer: str) -> int:
        """Return how many channels this layer has. Raises UserError for a name not in
        `layers()`."""

    def smallest_side(self, layers: Sequence[str]) -> int:
        """Return the least height and width, in pixels, of an image that these layers can look
        at."""

    def to(self, device: torch.device) -> Model:
        """Return the same network on this device."""
