"""Norm objective: the mean squared activation of whole layers.

Mordvintsev, Olah, Tyka 2015 ("Inceptionism"): maximise the L2 norm of a layer. The mean is used
instead of the sum, so that layers with a large map do not dominate layers with a small map.
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
    """Layer names; a single name needs no list."""
    weights: tuple[FiniteFloat, ...] | None
    """Weight of each layer: negative to minimise it, 0 to ignore it. None: all 1."""

    def __post_init__(self) -> None:
        if self.weights is not None and len(self.weights) != len(self.layers):
            raise ValueError(
                f"weights must contain one number per layer, got {len(self.weights)} "
                f"for {len(self.layers)} layers"
            )

        if self.weights is not None and not any(self.weights):
            raise ValueError(f"weights must not all be 0, got {list(self.weights)}")

    def bind(self, model: Model, guide: Guide | None = None) -> Norm:
        """Return self: nothing depends on the model."""
        return self

    @property
    def active(self) -> tuple[str, ...]:
        """The layers whose weight is not 0."""
        return tuple(self._weights)

    @property
    def is_tileable(self) -> bool:
        """Always true: the terms are means."""
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
    """Mean square of a tensor of any shape, a scalar ().

    The backward pass reads the tensor once and keeps its memory layout. torch's own takes five
    passes and does not keep the layout, which costs 2 % of a step.
    """

    @staticmethod
    def forward(context: Any, numbers: Tensor) -> Tensor:
        context.save_for_backward(numbers)
        return numbers.square().mean()

    @staticmethod
    @once_differentiable
    def backward(context: Any, gradient: Tensor) -> Tensor:
        (numbers,) = context.saved_tensors
        result: Tensor = numbers * (gradient * (2 / numbers.numel()))
        return result
