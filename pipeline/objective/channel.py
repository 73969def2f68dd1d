"""More of what single channels stand for: the mean of their activations.

Olah, Mordvintsev, Schubert 2017, "Feature Visualization": the channel objective.
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
    """The mean activation of these channels, everywhere in the picture; unsquared, so that it has a
    direction: a channel may stand for one thing above 0 and for another below.
    """

    layers: Layers
    """Their names; one may stand alone."""
    channels: Channels
    """Indices, from 0, in each of the layers."""

    def bind(self, model: Model, guide: Guide | None = None) -> Channel:
        """Return the same, once the layers are known to have these channels. Raises UserError."""
        check_channels(model, self.layers, self.channels, "channels")
        return self

    @property
    def is_tileable(self) -> bool:
        """Yes: a mean."""
        return True

    def terms(self, activations: Activations) -> dict[str, tuple[float, Tensor]]:
        """Return the mean over the channels and the map of each layer."""
        return {
            layer: (1.0, activations[layer][:, list(self.channels)].mean()) for layer in self.layers
        }


def check_channels(
    model: Model, layers: tuple[str, ...], channels: tuple[int, ...], name: str
) -> None:
    """Check that each layer has these channels. Raises UserError naming the setting `name`."""
    for layer in layers:
        count = model.channels(layer)
        if max(channels) >= count:
            raise UserError(
                f"objective.{name}: must be at most {count - 1} in {layer}, got {max(channels)}; "
                f"it has {count} channels, counted from 0"
            )
