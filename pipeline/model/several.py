"""Several networks combined into one model."""

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
    """Several networks combined into one Model; each layer belongs to one of them."""

    models: dict[str, SkipValidation[Model]]
    """Name without a dot -> model. Layers are called "name.layer"."""

    @property
    def weights_sha256(self) -> str:
        """SHA-256 of each model's weights, in hex, joined by "+"."""
        return "+".join(model.weights_sha256 for model in self.models.values())

    @property
    def scores(self) -> dict[str, tuple[str, ...]]:
        """Class-score layers of all models -> names of their classes."""
        return {
            f"{name}.{layer}": classes
            for name, model in self.models.items()
            for layer, classes in model.scores.items()
        }

    def __call__(self, image: Image, layers: Sequence[str]) -> Activations:
        """Return the activations of these layers; models without any of them are not run."""
        activations: dict[str, Tensor] = {}
        for name, inner in self._parted(layers).items():
            with _errors_of_model(name):
                outputs = self.models[name](image, inner)
            activations |= {f"{name}.{layer}": activation for layer, activation in outputs.items()}
        return activations

    def layers(self) -> list[str]:
        """Return the layers of all models, model by model."""
        return [
            f"{name}.{layer}" for name, model in self.models.items() for layer in model.layers()
        ]

    def channels(self, layer: str) -> int:
        """Return the number of channels of this layer."""
        ((name, (inner,)),) = self._parted([layer]).items()
        with _errors_of_model(name):
            return self.models[name].channels(inner)

    def smallest_side(self, layers: Sequence[str]) -> int:
        """Return the smallest height and width, in pixels, of an image for which these layers
        work.
        """
        sides = []
        for name, inner in self._parted(layers).items():
            with _errors_of_model(name):
                sides.append(self.models[name].smallest_side(inner))
        return max(sides)

    def to(self, device: torch.device) -> Several:
        """Return the same networks on this device; itself if they are there."""
        moved = {name: model.to(device) for name, model in self.models.items()}
        if all(moved[name] is model for name, model in self.models.items()):
            return self
        return Several(moved)

    def _parted(self, layers: Sequence[str]) -> dict[str, list[str]]:
        """Return the layers by model, without the model's name.

        Raises UserError for a layer that belongs to no model.
        """
        by_model: dict[str, list[str]] = {}
        for layer in layers:
            name, _, inner = layer.partition(".")
            if name not in self.models:
                names = list(self.models)
                if not names:
                    raise UserError(
                        "model.models: must contain at least one network, got none; "
                        "set model=efficientnet_lite0+googlenet"
                    )
                owners = [name for name in names if layer in self.models[name].layers()]
                raise UserError(
                    f"objective.layers: must begin with the name of a model, {' or '.join(names)}, "
                    f"got {layer!r}; write {(owners or names)[0]}.{layer}"
                )
            by_model.setdefault(name, []).append(inner)
        return by_model


@contextmanager
def _errors_of_model(name: str) -> Iterator[None]:
    """Add to each UserError the model's name, with which its layers must be prefixed."""
    try:
        yield
    except UserError as error:
        raise UserError(f"{error}; all names have the prefix {name}.") from error
