"""Weighted sum of several objectives."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pydantic import ConfigDict, FiniteFloat, SkipValidation
from pydantic.dataclasses import dataclass as pydantic_dataclass
from torch import Tensor

from pipeline.errors import UserError
from pipeline.frame import Guide
from pipeline.model import Activations, Model
from pipeline.objective import BoundObjective, Objective


@pydantic_dataclass(frozen=True, config=ConfigDict(arbitrary_types_allowed=True))
class Weighted:
    """A weighted sum of objectives, before it is bound to a model."""

    terms: dict[str, SkipValidation[Objective]]
    """Arbitrary name -> objective."""
    weights: dict[str, FiniteFloat]
    """Name -> weight: negative to minimise the objective, 0 to ignore it. Missing: 1."""

    def __post_init__(self) -> None:
        for name in self.weights.keys() - self.terms.keys():
            raise ValueError(f"weights must only name terms, got {name!r}")

    def bind(self, model: Model, guide: Guide | None = None) -> WeightedSum:
        """Return all objectives, bound to this model. Raises UserError if all weights are 0."""
        weights = {name: self.weights.get(name, 1.0) for name in self.terms}
        if not any(weights.values()):
            name = next(iter(weights), None)
            fix = "objective=norm+label" if name is None else f"objective.weights.{name}=1"
            raise UserError(
                "objective.terms: must contain one with a weight other than 0, got "
                f"{weights or 'none'}; set {fix}"
            )
        return WeightedSum(
            {name: term.bind(model, guide) for name, term in self.terms.items()}, weights
        )


@dataclass(frozen=True)
class WeightedSum:
    """A weighted sum of bound objectives, with terms called "name.term"."""

    objectives: Mapping[str, BoundObjective]
    """Name -> bound objective."""
    weights: Mapping[str, float]
    """Name -> weight: negative to minimise the objective, 0 to ignore it."""

    @property
    def layers(self) -> tuple[str, ...]:
        """Layers of all objectives, without duplicates."""
        return tuple(
            dict.fromkeys(
                layer for objective in self.objectives.values() for layer in objective.layers
            )
        )

    @property
    def active(self) -> tuple[str, ...]:
        """Active layers of the objectives whose weight is not 0."""
        return tuple(
            dict.fromkeys(
                layer for _, _, objective in self._counting() for layer in objective.active
            )
        )

    @property
    def is_tileable(self) -> bool:
        """Whether all objectives whose weight is not 0 are tileable."""
        return all(objective.is_tileable for _, _, objective in self._counting())

    def terms(self, activations: Activations) -> dict[str, tuple[float, Tensor]]:
        """Return the terms of each objective, their weights multiplied by the objective's."""
        return {
            f"{name}.{term}": (weight * inner, score)
            for name, weight, objective in self._counting()
            for term, (inner, score) in objective.terms(activations).items()
        }

    def _counting(self) -> list[tuple[str, float, BoundObjective]]:
        return [
            (name, self.weights[name], objective)
            for name, objective in self.objectives.items()
            if self.weights[name]
        ]
