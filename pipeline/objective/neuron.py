"""Neuron objective: the activation of one channel at one position.

Olah, Mordvintsev, Schubert 2017, "Feature Visualization". Only the neuron's receptive field in the
image changes.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field
from pydantic.dataclasses import dataclass
from torch import Tensor

from pipeline.frame import Guide
from pipeline.model import Activations, Model
from pipeline.objective import AllLayers, Layers
from pipeline.objective.channel import check_channels

Share = Annotated[float, Field(ge=0, le=1)]


@dataclass(frozen=True)
class Neuron(AllLayers):
    """The activation of one channel at one position of its map."""

    layers: Layers
    """Layer names; a single name needs no list."""
    channel: Annotated[int, Field(ge=0)]
    """Channel index, from 0, in each of the layers."""
    x: Share
    """Horizontal position, as a share of the image's width, from the left."""
    y: Share
    """Vertical position, as a share of the image's height, from the top."""

    def bind(self, model: Model, guide: Guide | None = None) -> Neuron:
        """Return self. Raises UserError unless each layer has this channel."""
        check_channels(model, self.layers, (self.channel,), "channel")
        return self

    @property
    def is_tileable(self) -> bool:
        """Always false: the neuron has one position in the whole map."""
        return False

    def terms(self, activations: Activations) -> dict[str, tuple[float, Tensor]]:
        """Return the activation in each layer; in a layer without a map, the channel's only one."""
        return {
            layer: (1.0, self._there(activations[layer][0, self.channel])) for layer in self.layers
        }

    def _there(self, activation: Tensor) -> Tensor:
        sides = zip((self.y, self.x), activation.shape, strict=False)
        return activation[tuple(round(share * (side - 1)) for share, side in sides)]
