"""Base class of Models that wrap another Model and change how its activations are computed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pipeline.model import Model


class ModelWrapper:
    """A wrapper that delegates everything but `__call__` and `to` to `model`."""

    def __init__(self, model: Model) -> None:
        self.model = model
        self.weights_sha256 = model.weights_sha256

    @property
    def scores(self) -> Mapping[str, tuple[str, ...]]:
        """Class-score layers of the wrapped model."""
        return self.model.scores

    def layers(self) -> Sequence[str]:
        """Return the layers of the wrapped model."""
        return self.model.layers()

    def channels(self, layer: str) -> int:
        """Return the number of channels of this layer of the wrapped model."""
        return self.model.channels(layer)

    def smallest_side(self, layers: Sequence[str]) -> int:
        """Return the smallest image side, in pixels, that the wrapped model accepts."""
        return self.model.smallest_side(layers)
