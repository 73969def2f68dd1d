"""More of what one neuron stands for: one channel at one place.

Olah, Mordvintsev, Schubert 2017, "Feature Visualization": the neuron objective. Only what the
neuron sees changes, its receptive field.
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
    """The activation of one channel at one place of its map."""

    layers: Layers
    """Names; one may stand alone."""
    channel: Annotated[int, Field(ge=0)]
    """Its index in each of them, from 0."""
    x: Share
    """Where, as a share of the picture's width from the left."""
    y: Share
    """Where, as a share of the picture's height from the top."""

    def bind(self, model: Model, guide: Guide | None = None) -> Neuron:
        """Return the same, once the layers are known to have this channel. Raises UserError."""
        check_channels(model, self.layers, (self.channel,), "channel")
        return self

    @property
    def is_tileable(self) -> bool:
        """No: it is at one place of the whole map."""
        return False

    def terms(self, activations: Activations) -> dict[str, tuple[float, Tensor]]:
        """Return the activation in each layer; of a layer without a map its only one."""
        return {
            layer: (1.0, self._there(activations[layer][0, self.channel])) for layer in self.layers
        }

    def _there(self, activation: Tensor) -> Tensor:
        sides = zip((self.y, self.x), activation.shape, strict=False)
        return activation[tuple(round(share * (side - 1)) for share, side in sides)]
