"""Contract: what the dream should have more of. One file an objective."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from torch import Tensor

from pipeline.model import Activations


class Objective(Protocol):
    """A score of activations; it knows layer names, never a model."""

    @property
    def layers(self) -> tuple[str, ...]:
        """All layers that it may look at."""

    @property
    def active(self) -> tuple[str, ...]:
        """Those of them that count at this moment; never none."""

    def terms(self, activations: Activations) -> Mapping[str, tuple[float, Tensor]]:
        """Its parts by name: a weight, negative for less of it, and a differentiable scalar ().

        activations: of the active layers.
        """

    def __call__(self, activations: Activations) -> Tensor:
        """The score, a differentiable scalar (), to be maximised. Raises nothing."""
