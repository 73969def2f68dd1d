"""More of what a layer sees most in this very picture, or least: a few of its channels."""

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
    """The mean squared activation of the channels that hold a rank among their layer's.

    Ranked again at each step, by that very mean square.
    """

    layers: Layers
    """Names; one may stand alone."""
    rank: Literal["strongest", "average", "weakest"]
    """The strongest channels, the weakest, or those around the median."""
    count: Annotated[int, Field(ge=1)]
    """How many of each layer."""

    def bind(self, model: Model, guide: Guide | None = None) -> Ranked:
        """Return the same, once the layers are known to have so many channels. Raises UserError."""
        for layer in self.layers:
            if self.count > (most := model.channels(layer)):
                raise UserError(
                    f"objective.count: must be at most {most} in {layer}, got {self.count}; "
                    "it has no more channels"
                )
        return self

    @property
    def is_tileable(self) -> bool:
        """No: channels are ranked over the whole map."""
        return False

    def terms(self, activations: Activations) -> dict[str, tuple[float, Tensor]]:
        """Return the mean square of the chosen channels of each layer."""
        return {layer: (1.0, self._chosen(activations[layer])) for layer in self.layers}

    def _chosen(self, activation: Tensor) -> Tensor:
        strengths = activation.square().flatten(2).mean(dim=(0, 2))
        ranked = strengths.sort(descending=True).values
        spare = len(ranked) - self.count
        first = {"strongest": 0, "average": spare // 2, "weakest": spare}[self.rank]
        return ranked[first : first + self.count].mean()
