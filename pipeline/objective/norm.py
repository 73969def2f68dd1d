"""More of whatever a layer sees: the mean of its squared activations.

Mordvintsev, Olah, Tyka 2015 ("Inceptionism"): maximise the L2 norm of a layer. The mean instead of
the sum, so that a layer with a large map does not drown one with a small map.
"""

from __future__ import annotations

from typing import Any

import torch
from pydantic import FiniteFloat
from pydantic.dataclasses import dataclass
from torch import Tensor
from torch.autograd.function import once_differentiable

from pipeline.frame import Guide
from pipeline.model import Activations, Model
from pipeline.objective import Layers


@dataclass(frozen=True)
class Norm:
    """The weighted sum of the layers' mean squared activations."""

    layers: Layers
    """Their names; one may stand alone."""
    weights: tuple[FiniteFloat, ...] | None
    """One number a layer, negative = less of it, 0 = not looked at; None = all 1."""

    def __post_init__(self) -> None:
        if self.weights is not None and len(self.weights) != len(self.layers):
            raise ValueError(
                f"weights must be one number a layer, got {len(self.weights)} "
                f"for {len(self.layers)} layers"
            )

        if self.weights is not None and not any(self.weights):
            raise ValueError("weights must not all be 0 at once")

    def bind(self, model: Model, guide: Guide | None = None) -> Norm:
        """Return the same: it needs to know no model."""
        return self

    @property
    def active(self) -> tuple[str, ...]:
        """The layers whose weight is not 0."""
        return tuple(self._weights)

    @property
    def is_tileable(self) -> bool:
        """Yes: means."""
        return True

    def terms(self, activations: Activations) -> dict[str, tuple[float, Tensor]]:
        """Return each active layer's weight and mean square."""
        return {
            layer: (weight, _MeanSquare.apply(activations[layer]))
            for layer, weight in self._weights.items()
        }

    @property
    def _weights(self) -> dict[str, float]:
        weights = self.weights or (1.0,) * len(self.layers)
        pairs = zip(self.layers, weights, strict=True)
        return {layer: weight for layer, weight in pairs if weight}


class _MeanSquare(torch.autograd.Function):
    """Of numbers of any shape, a scalar. The way back is one pass, and leaves the gradient laid
    out as the activations are: torch's own takes five and does not, which costs 2 % of a step.
    """

    @staticmethod
    def forward(context: Any, numbers: Tensor) -> Tensor:
        context.save_for_backward(numbers)
        return numbers.square().mean()

    @staticmethod
    @once_differentiable
    def backward(context: Any, gradient: Tensor) -> Tensor:
        (numbers,) = context.saved_tensors
        found: Tensor = numbers * (gradient * (2 / numbers.numel()))
        return found
