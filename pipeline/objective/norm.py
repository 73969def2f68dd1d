"""More of whatever a layer sees: the mean of its squared activations.

Mordvintsev, Olah, Tyka 2015 ("Inceptionism"): maximise the L2 norm of a layer. The mean instead of
the sum, so that a layer with a large map does not drown one with a small map.
"""

from __future__ import annotations

from typing import Annotated

import torch
from pydantic import AfterValidator, BeforeValidator, Field, FiniteFloat
from pydantic.dataclasses import dataclass
from torch import Tensor

from pipeline.model import Activations


def _listed(layers: object) -> object:
    return [layers] if isinstance(layers, str) else layers


def _named(layers: tuple[str, ...]) -> tuple[str, ...]:
    if len(set(layers)) != len(layers):
        raise ValueError("must name each layer once")
    return layers


@dataclass(frozen=True)
class Norm:
    """The weighted sum of the layers' mean squared activations.

    layers: their names; one may stand alone. weights: one number a layer, negative = less of it,
    0 = not looked at; None = all 1.
    """

    layers: Annotated[
        tuple[str, ...], Field(min_length=1), BeforeValidator(_listed), AfterValidator(_named)
    ]
    weights: tuple[FiniteFloat, ...] | None

    def __post_init__(self) -> None:
        if self.weights is not None and len(self.weights) != len(self.layers):
            raise ValueError(
                f"weights must be one number a layer, got {len(self.weights)} "
                f"for {len(self.layers)} layers"
            )

        if self.weights is not None and not any(self.weights):
            raise ValueError("weights must not all be 0 at once")

    @property
    def active(self) -> tuple[str, ...]:
        """The layers whose weight is not 0."""
        return tuple(self._weights)

    def terms(self, activations: Activations) -> dict[str, tuple[float, Tensor]]:
        """Each active layer's weight and mean square."""
        return {layer: (weight, activations[layer].square().mean())
                for layer, weight in self._weights.items()}  # fmt: skip

    def __call__(self, activations: Activations) -> Tensor:
        """The score, a scalar."""
        terms = self.terms(activations).values()
        return torch.stack([weight * score for weight, score in terms]).sum()

    @property
    def _weights(self) -> dict[str, float]:
        weights = self.weights or (1.0,) * len(self.layers)
        pairs = zip(self.layers, weights, strict=True)
        return {layer: weight for layer, weight in pairs if weight}
