"""Base of a Model around another one, which answers all but the activations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pipeline.model import Model


class ModelWrapper:
    """A Model's answers to all but what it sees. model: whose."""

    def __init__(self, model: Model) -> None:
        self.model = model
        self.weights_sha256 = model.weights_sha256

    @property
    def scores(self) -> Mapping[str, tuple[str, ...]]:
        """The model's."""
        return self.model.scores

    def layers(self) -> Sequence[str]:
        """Return the model's."""
        return self.model.layers()

    def channels(self, layer: str) -> int:
        """Return the model's."""
        return self.model.channels(layer)

    def smallest_side(self, layers: Sequence[str]) -> int:
        """Return the model's."""
        return self.model.smallest_side(layers)
