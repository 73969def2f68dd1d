"""Activations of one tile of an image, and gradients with respect to its pixels."""

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
"""Layer -> pixels between two positions of its map. None: it has no map, e.g. class scores."""


@dataclass(frozen=True)
class TilePass:
    """The activations of one tile of an image, and the backward pass to its pixels."""

    tile: Tile
    """Position of the tile in the image."""
    image: Image
    """The tile's pixels, margin included, (1, 3, h, w)."""
    seen: Activations
    """The tile's activations, margin included."""
    strides: Strides
    """Layers to compute, with their strides."""

    @staticmethod
    def of(image: Image, tile: Tile, model: Model, strides: Strides) -> TilePass:
        """Run the model on this tile of an image, (1, 3, H, W)."""
        pixels = tile.of(image).detach().requires_grad_(torch.is_grad_enabled())
        return TilePass(tile, pixels, model(pixels, list(strides)), strides)

    def cores(self) -> dict[str, Tensor]:
        """Return the activations that count: those of the core, or all in a layer without a map."""
        return {
            layer: self.tile.core(self.seen[layer], stride) if stride else self.seen[layer]
            for layer, stride in self.strides.items()
        }

    def share(self, layer: str) -> float:
        """Return the core's share of the activations of the whole image, in [0, 1]."""
        stride = self.strides[layer]
        return self.tile.share(self.seen[layer], stride) if stride else self.tile.share(self.image)

    def within(self, layer: str, whole: Tensor) -> Tensor:
        """Return the core's part of `whole`, the gradient of the whole image's activations.

        For a layer without a map: all of it, times the core's share.
        """
        stride = self.strides[layer]
        return self.tile.within(whole, stride) if stride else whole * self.share(layer)

    def add_cores(self, whole: dict[str, Tensor]) -> None:
        """Write the core's activations into those of the whole image.

        whole: layer -> activations. Missing layers are added. Layers without a map are averaged
        over the tiles, weighted by their shares.
        """
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
        """Return the gradient of the whole image, to which this layer's part is added in place.

        gradient: of the whole image so far. None: 0 everywhere. wanted: gradient of the core's
        activations. whole: the whole image. keep: whether the graph is needed again.
        """
        core = self.cores()[layer]
        (tile_gradient,) = torch.autograd.grad(core, self.image, wanted, retain_graph=keep)
        if gradient is None and self.tile.whole:
            return tile_gradient
        gradient = torch.zeros_like(whole) if gradient is None else gradient
        if self.strides[layer]:
            # Including the margin: other cores depend on these pixels too, and add their part.
            self.tile.of(gradient).add_(tile_gradient)
        else:
            # The score depends on the whole tile, but the margin is covered by other cores: add the
            # core's part, scaled up to the gradient of the whole tile.
            core_gradient = self.tile.core(tile_gradient)
            self.tile.within(gradient).add_(
                core_gradient, alpha=tile_gradient.numel() / core_gradient.numel()
            )
        return gradient
