"""Contract: what the dream should have more of. One file an objective."""

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
    """An objective bound to a model: a score of activations. It knows layer names only."""

    @property
    def layers(self) -> tuple[str, ...]:
        """All layers that it may look at."""

    @property
    def active(self) -> tuple[str, ...]:
        """Those of them that count at this moment; never none."""

    @property
    def is_tileable(self) -> bool:
        """Whether each term is a mean over the places of maps: of a part of a picture it can be
        asked alone, and of the whole it is the parts' mean, by their share of the places.
        """

    def terms(self, activations: Activations) -> Mapping[str, tuple[float, Tensor]]:
        """Return its parts by name: a weight, negative for less of it, and a differentiable scalar
        ().

        activations: of the active layers.
        """


class AllLayers:
    """A BoundObjective all of whose layers are active at every frame."""

    layers: tuple[str, ...]

    @property
    def active(self) -> tuple[str, ...]:
        """All of its layers."""
        return self.layers


class Objective(Protocol):
    """An objective as it is configured, before it is bound to a model."""

    def bind(self, model: Model, guide: Guide | None = None) -> BoundObjective:
        """Return what that is in this model, with this guide.

        Raises UserError for what the model does not have, and for a guide that is needed and not
        there.
        """


def needs_guide(objective: Objective, model: Model) -> bool:
    """Return whether this objective, which is well with a guide, is refused without one."""
    try:
        objective.bind(model)
    except UserError:
        return True
    return False


def total(terms: Iterable[tuple[float, Tensor]]) -> Tensor:
    """Return the weighted sum of an objective's terms, a differentiable scalar ()."""
    return functools.reduce(torch.add, (weight * score for weight, score in terms))


def _listed(value: object) -> object:
    return [value] if isinstance(value, (str, int)) else value


def _different(values: tuple[object, ...]) -> tuple[object, ...]:
    if len(set(values)) != len(values):
        raise ValueError("must name each once")
    return values


Layers: TypeAlias = Annotated[
    tuple[str, ...], Field(min_length=1), BeforeValidator(_listed), AfterValidator(_different)
]
"""A setting: names of layers; one may stand alone."""
Channels: TypeAlias = Annotated[
    tuple[Annotated[int, Field(ge=0)], ...],
    Field(min_length=1),
    BeforeValidator(_listed),
    AfterValidator(_different),
]
"""A setting: indices of a layer's channels, from 0; one may stand alone."""
