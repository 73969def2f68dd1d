"""Ranked objective: the strongest, average or weakest channels of a layer in this image."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field
from pydantic.dataclasses import dataclass
from torch import Tensor

from pipeline.errors import UserError
from pipeline.frame import Guide
from pipeline.model import Activations, Model
from pipeline.objective import AllLayers, Layers


@dataclass(frozen=True)
class Ranked(AllLayers):
    """The mean squared activation of a layer's channels of a given rank.

    Channels are ranked by their mean squared activation, again at each step.
    """

    layers: Layers
    """Layer names; a single name needs no list."""
    rank: Literal["strongest", "average", "weakest"]
    """Channels to use: the strongest, the weakest, or those around the median."""
    count: Annotated[int, Field(ge=1)]
    """Number of channels to use in each layer."""

    def bind(self, model: Model, guide: Guide | None = None) -> Ranked:
        """Return self. Raises UserError unless each layer has at least `count` channels."""
        channels = {layer: model.channels(layer) for layer in self.layers}
        for layer, maximum in channels.items():
            if self.count > maximum:
                raise UserError(
                    f"objective.count: must be at most {maximum}, the channels of {layer}, got "
                    f"{self.count}; set objective.count={min(channels.values())}"
                )
        return self

    @property
    def is_tileable(self) -> bool:
        """Always false: channels are ranked over the whole map."""
        return False

    def terms(self, activations: Activations) -> dict[str, tuple[float, Tensor]]:
        """Return the mean square of the selected channels of each layer."""
        return {layer: (1.0, self._chosen(activations[layer])) for layer in self.layers}

    def _chosen(self, activation: Tensor) -> Tensor:
        strengths = activation.square().flatten(2).mean(dim=(0, 2))
        ranked = strengths.sort(descending=True).values
        spare = len(ranked) - self.count
        first = {"strongest": 0, "average": spare // 2, "weakest": spare}[self.rank]
        return ranked[first : first + self.count].mean()
