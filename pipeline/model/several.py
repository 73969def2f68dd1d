"""Several networks at once, each with its own layers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from pydantic import ConfigDict, SkipValidation
from pydantic.dataclasses import dataclass
from torch import Tensor

from pipeline.errors import UserError
from pipeline.frame import Image
from pipeline.model import Activations, Model


@dataclass(frozen=True, eq=False, config=ConfigDict(arbitrary_types_allowed=True))
class Several:
    """Several networks as one Model: each layer is of one of them."""

    models: dict[str, SkipValidation[Model]]
    """By any names without a dot; a layer's name is that of its model, a dot, its own."""

    @property
    def weights_sha256(self) -> str:
        """Of all of them, joined by a plus."""
        return "+".join(model.weights_sha256 for model in self.models.values())

    @property
    def scores(self) -> dict[str, tuple[str, ...]]:
        """The layers of class scores of all of them."""
        return {
            f"{name}.{layer}": classes
            for name, model in self.models.items()
            for layer, classes in model.scores.items()
        }

    def __call__(self, image: Image, layers: Sequence[str]) -> Activations:
        """Return the activations of these layers; a model without one of them is not run."""
        activations: dict[str, Tensor] = {}
        for name, inner in self._parted(layers).items():
            with _asked_of(name):
                found = self.models[name](image, inner)
            activations |= {f"{name}.{layer}": activation for layer, activation in found.items()}
        return activations

    def layers(self) -> list[str]:
        """Return all layers of all of them, model by model."""
        return [
            f"{name}.{layer}" for name, model in self.models.items() for layer in model.layers()
        ]

    def channels(self, layer: str) -> int:
        """Return how many channels this layer has."""
        ((name, (inner,)),) = self._parted([layer]).items()
        with _asked_of(name):
            return self.models[name].channels(inner)

    def smallest_side(self, layers: Sequence[str]) -> int:
        """Return the least side, in pixels, that each model can look at with its layers among
        these.
        """
        sides = []
        for name, inner in self._parted(layers).items():
            with _asked_of(name):
                sides.append(self.models[name].smallest_side(inner))
        return max(sides)

    def to(self, device: torch.device) -> Several:
        """Return the same networks on this device."""
        return Several({name: model.to(device) for name, model in self.models.items()})

    def _parted(self, layers: Sequence[str]) -> dict[str, list[str]]:
        """Return the layers by the model that they are of. Raises UserError for one that is of
        none.
        """
        parted: dict[str, list[str]] = {}
        for layer in layers:
            name, _, inner = layer.partition(".")
            if name not in self.models:
                names = list(self.models)
                if not names:
                    raise UserError(
                        "model.models: must hold a network, got none; "
                        "set model=efficientnet_lite0+googlenet"
                    )
                raise UserError(
                    f"objective.layers: must begin with the name of a model, {' or '.join(names)}, "
                    f"got {layer!r}; set {names[0]}.{layer}"
                )
            parted.setdefault(name, []).append(inner)
        return parted


@contextmanager
def _asked_of(name: str) -> Iterator[None]:
    """What a model says of its own layers, with the name that they are behind."""
    try:
        yield
    except UserError as error:
        raise UserError(f"{error}; all behind {name}.") from error
