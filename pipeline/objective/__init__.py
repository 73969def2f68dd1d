"""Contract: what the dream should have more of. One file an objective."""

from __future__ import annotations

from typing import Protocol

from torch import Tensor

from pipeline.model import Activations


class Objective(Protocol):
    """A score of activations; it knows layer names, never a model."""

    @property
    def layers(self) -> tuple[str, ...]:
        """The layers whose activations it looks at."""

    def __call__(self, activations: Activations) -> Tensor:
        """The score, a differentiable scalar (), to be maximised. Raises nothing."""
