"""Activations of one tile of an image, and their gradient in the pixels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

import torch
from torch import Tensor

from pipeline.frame import Image
from pipeline.gradient.tiles import Tile
from pipeline.model import Activations, Model

Strides: TypeAlias = Mapping[str, int | None]
"""Layer -> pixels between two of its places; None = it has none: a list, of class scores say."""


@dataclass(frozen=True)
class TilePass:
    """The activations of one tile of an image, and the way back to its pixels."""

    tile: Tile
    """Where it lies in the image."""
    image: Image
    """The tile's part of it, (1, 3, h, w)."""
    seen: Activations
    """The activations there, margin and all."""
    strides: Strides
    """Pixels between two places of each layer."""

    @staticmethod
    def of(image: Image, tile: Tile, model: Model, strides: Strides) -> TilePass:
        """Return the model's view of this tile of an image (1, 3, H, W)."""
        pixels = tile.of(image).detach().requires_grad_(torch.is_grad_enabled())
        return TilePass(tile, pixels, model(pixels, list(strides)), strides)

    def cores(self) -> dict[str, Tensor]:
        """Return the activations that count: of a map the core's, of a list all."""
        return {
            layer: self.tile.core(self.seen[layer], stride) if stride else self.seen[layer]
            for layer, stride in self.strides.items()
        }

    def share(self, layer: str) -> float:
        """Return how much of the whole image's activations they are."""
        stride = self.strides[layer]
        return self.tile.share(self.seen[layer], stride) if stride else self.tile.share(self.image)

    def within(self, layer: str, whole: Tensor) -> Tensor:
        """Return the part for them of what the activations of the whole image are asked for."""
        stride = self.strides[layer]
        return self.tile.within(whole, stride) if stride else whole * self.share(layer)

    def add_cores(self, whole: dict[str, Tensor]) -> None:
        """Put them where they belong in the activations of the whole image, zero before."""
        for layer, core in self.cores().items():
            stride = self.strides[layer]
            if layer not in whole:
                seen = self.seen[layer]
                shape = (*seen.shape[:2], *self.tile.places(seen, stride)) if stride else seen.shape
                whole[layer] = seen.new_zeros(shape)
            if stride:
                self.tile.within(whole[layer], stride).copy_(core)
            else:
                whole[layer].add_(core, alpha=self.share(layer))

    def with_gradient(
        self, gradient: Tensor | None, layer: str, wanted: Tensor, whole: Image, *, keep: bool
    ) -> Tensor:
        """Return the gradient of the whole image with what they ask of the pixels added to it, in
        place.

        gradient: None = 0 all over. wanted: the gradient of the score in them. keep: whether the
        view is asked again.
        """
        core = self.cores()[layer]
        (own,) = torch.autograd.grad(core, self.image, wanted, retain_graph=keep)
        if gradient is None and self.tile.whole:
            return own
        gradient = torch.zeros_like(whole) if gradient is None else gradient
        if self.strides[layer]:
            # The margin too: other cores see it as well, and add their part.
            self.tile.of(gradient).add_(own)
        else:
            # A mean over the tile, whatever its core; the margin is core elsewhere.
            mine = self.tile.core(own)
            self.tile.within(gradient).add_(mine, alpha=own.numel() / mine.numel())
        return gradient
