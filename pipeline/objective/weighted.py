"""Several objectives at once, each with its weight."""

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
    """terms: objectives by any names. weights: of them, by these names; negative = less of it,
    0 = not looked at, without one 1.
    """

    terms: dict[str, SkipValidation[Objective]]
    weights: dict[str, FiniteFloat]

    def __post_init__(self) -> None:
        for name in self.weights.keys() - self.terms.keys():
            raise ValueError(f"weights must be of terms, got one of {name!r}")

    def bind(self, model: Model, guide: Guide | None = None) -> WeightedSum:
        """Return all of them in this model. Raises UserError where none counts."""
        weights = {name: self.weights.get(name, 1.0) for name in self.terms}
        if not any(weights.values()):
            raise UserError(
                f"objective.terms: must hold one whose weight is not 0, got {weights or 'none'}; "
                "set objective=norm+label"
            )
        return WeightedSum(
            {name: term.bind(model, guide) for name, term in self.terms.items()}, weights
        )


@dataclass(frozen=True)
class WeightedSum:
    """The terms of several objectives, by "name.term"."""

    objectives: Mapping[str, BoundObjective]
    """Name -> bound objective."""
    weights: Mapping[str, float]
    """Name -> weight, negative for less of it."""

    @property
    def layers(self) -> tuple[str, ...]:
        """The layers of all objectives, each once."""
        return tuple(
            dict.fromkeys(
                layer for objective in self.objectives.values() for layer in objective.layers
            )
        )

    @property
    def active(self) -> tuple[str, ...]:
        """The active layers of the objectives whose weight is not 0."""
        return tuple(
            dict.fromkeys(
                layer for _, _, objective in self._counting() for layer in objective.active
            )
        )

    @property
    def is_tileable(self) -> bool:
        """Whether all are that count."""
        return all(objective.is_tileable for _, _, objective in self._counting())

    def terms(self, activations: Activations) -> dict[str, tuple[float, Tensor]]:
        """Return each objective's terms, with its weight on theirs."""
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
