"""Channel objective: the mean activation of single channels.

Olah, Mordvintsev, Schubert 2017, "Feature Visualization".
"""

from __future__ import annotations

from pydantic.dataclasses import dataclass
from torch import Tensor

from pipeline.errors import UserError
from pipeline.frame import Guide
from pipeline.model import Activations, Model
from pipeline.objective import AllLayers, Channels, Layers


@dataclass(frozen=True)
class Channel(AllLayers):
    """The mean activation of these channels over the whole image.

    Unlike a square it has a sign: a channel may respond to one thing above 0 and to another below.
    """

    layers: Layers
    """Layer names; a single name needs no list."""
    channels: Channels
    """Channel indices, from 0, in each of the layers; a single index needs no list."""

    def bind(self, model: Model, guide: Guide | None = None) -> Channel:
        """Return self. Raises UserError unless each layer has these channels."""
        check_channels(model, self.layers, self.channels, "channels")
        return self

    @property
    def is_tileable(self) -> bool:
        """Always true: the score is a mean."""
        return True

    def terms(self, activations: Activations) -> dict[str, tuple[float, Tensor]]:
        """Return the mean over the channels and the map of each layer."""
        return {
            layer: (1.0, activations[layer][:, list(self.channels)].mean()) for layer in self.layers
        }


def check_channels(
    model: Model, layers: tuple[str, ...], channels: tuple[int, ...], name: str
) -> None:
    """Raise UserError, naming the setting `name`, unless each layer has these channels."""
    for layer in layers:
        count = model.channels(layer)
        if max(channels) >= count:
            raise UserError(
                f"objective.{name}: must be at most {count - 1} in {layer}, got {max(channels)}; "
                f"choose from its {count} channels, counted from 0"
            )
