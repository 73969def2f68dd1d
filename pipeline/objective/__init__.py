"""Contract: what the dream maximises. One file per objective."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping
from typing import Annotated, Protocol, TypeAlias

import torch
from pydantic import AfterValidator, BeforeValidator, Field
from torch import Tensor

from pipeline.errors import UserError
from pipeline.frame import Guide
from pipeline.model import Activations, Model


class BoundObjective(Protocol):
    """An objective bound to a model: a score of activations, accessed by layer name."""

    @property
    def layers(self) -> tuple[str, ...]:
        """All layers that the objective may use."""

    @property
    def active(self) -> tuple[str, ...]:
        """Layers that are used at the current frame; never empty."""

    @property
    def is_tileable(self) -> bool:
        """Whether each term is a mean over the positions of maps.

        It can then be computed for each tile alone, and the term of the image is the mean of the
        tiles' terms, weighted by their shares of the positions.
        """

    def terms(self, activations: Activations) -> Mapping[str, tuple[float, Tensor]]:
        """Return the terms of the score by name: a weight and a differentiable scalar ().

        A negative weight minimises the scalar. activations: those of the active layers.
        """


class AllLayers:
    """Base class of a BoundObjective whose layers are all active at every frame."""

    layers: tuple[str, ...]

    @property
    def active(self) -> tuple[str, ...]:
        """All layers of the objective."""
        return self.layers


class Objective(Protocol):
    """An objective as configured, before it is bound to a model."""

    def bind(self, model: Model, guide: Guide | None = None) -> BoundObjective:
        """Return the objective, bound to this model and guide.

        Raises UserError for anything that the model does not have, and for a missing guide.
        """


def needs_guide(objective: Objective, model: Model) -> bool:
    """Return whether binding this objective without a guide raises UserError.

    objective: one that can be bound with a guide.
    """
    try:
        objective.bind(model)
    except UserError:
        return True
    return False


def total(terms: Iterable[tuple[float, Tensor]]) -> Tensor:
    """Return the weighted sum of an objective's terms, a differentiable scalar ()."""
    return functools.reduce(torch.add, (weight * score for weight, score in terms))


def _as_list(value: object) -> object:
    return [value] if isinstance(value, (str, int)) else value


def _check_unique(values: tuple[object, ...]) -> tuple[object, ...]:
    if len(set(values)) != len(values):
        raise ValueError("must not contain duplicates")
    return values


Layers: TypeAlias = Annotated[
    tuple[str, ...],
    Field(min_length=1),
    BeforeValidator(_as_list),
    AfterValidator(_check_unique),
]
"""Setting: layer names; a single name needs no list."""
Channels: TypeAlias = Annotated[
    tuple[Annotated[int, Field(ge=0)], ...],
    Field(min_length=1),
    BeforeValidator(_as_list),
    AfterValidator(_check_unique),
]
"""Setting: channel indices, from 0; a single index needs no list."""
