"""The gradient that a dreamer climbs: of an objective of a model's activations, in an image."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from pipeline.frame import Image
from pipeline.gradient.tile_budget import TileBudget
from pipeline.gradient.tile_gradient import Strides, TilePass
from pipeline.gradient.tiles import Tile, cut_tiles
from pipeline.model import Activations, Model
from pipeline.objective import BoundObjective, total

TINY = 1e-12
"""A flat picture may have no gradient at all."""


@dataclass(frozen=True)
class Gradient:
    """Called with an image, the gradient of an objective in it, and the score.

    A caller need not know of tiles: each tile contributes what its core's activations ask of all
    the pixels that they see, and the sum is the gradient of the whole image, exactly so where
    margins are as wide as the receptive field. A class score, which looks at everything, is the
    mean of the tiles' scores.
    """

    model: Model
    """The network."""
    objective: BoundObjective
    """The objective, bound to that model."""
    tile_budget: TileBudget | None = None
    """How much of an image the network may hold at once; None = all of it."""

    def __call__(self, image: Image) -> tuple[Tensor, Tensor]:
        """Return the gradient, (1, 3, H, W), and the score, a scalar, both detached.

        Of several terms each has its own gradient, brought to a deviation of 1 and weighted: half
        the weight is half the look, whatever the scales of the layers, and a cross-fade is even.
        """
        gradients: list[Tensor | None] = []
        terms: list[_TermGradients] = []
        scores: list[Tensor] = []
        for tile_pass, terms in self._tile_passes(image.detach()):
            gradients = gradients or [None for _ in terms]
            scores.append(total((term.weight, term.score) for term in terms))
            wanted = [
                (number, layer, want)
                for number, term in enumerate(terms)
                for layer, want in term.wanted.items()
            ]
            for left, (number, layer, want) in zip(range(len(wanted))[::-1], wanted, strict=True):
                gradients[number] = tile_pass.with_gradient(
                    gradients[number], layer, want, image, keep=left > 0
                )
        found = [
            torch.zeros_like(image) if gradient is None else gradient for gradient in gradients
        ]
        for gradient, term in zip(found, terms, strict=True):
            if len(found) > 1:
                gradient.div_(gradient.std() + TINY)
            if term.weight != 1:
                gradient.mul_(term.weight)
        return functools.reduce(Tensor.add_, found), functools.reduce(Tensor.add, scores)

    @torch.no_grad()
    def score(self, image: Image) -> Tensor:
        """Return the score alone, a scalar, at less than half of the gradient's cost."""
        tiles, strides = self._tiles(image)
        if len(tiles) == 1 or not self.objective.is_tileable:
            return total(self.objective.terms(self._activations(image, tiles, strides)).values())
        each = [
            total((term.weight, term.score) for term in terms)
            for _, terms in self._tile_passes(image)
        ]
        return torch.stack(each).sum()

    @property
    def smallest_side(self) -> int:
        """The least height and width, in pixels, of an image that it can be asked for."""
        return self.model.smallest_side(self.objective.layers)

    @property
    def step_bytes(self) -> float | None:
        """That one step may hold; None = as many as it takes."""
        return None if self.tile_budget is None else self.tile_budget.bytes

    def within(self, step_bytes: float | None) -> Gradient:
        """Return the same, a step of which holds at most so many bytes; None = any number."""
        if self.tile_budget is None:
            return self
        return replace(self, tile_budget=self.tile_budget.within(step_bytes))

    def is_tiled(self, image: Image) -> bool:
        """Return whether this image is computed in more than one tile."""
        return len(self._tiles(image)[0]) > 1

    def _tiles(self, image: Image) -> tuple[Sequence[Tile], Strides]:
        """Return the tiles of the image, and how far apart their activations lie."""
        height, width = image.shape[2:]
        if self.tile_budget is None:
            return cut_tiles(height, width), dict.fromkeys(self.objective.active)
        need = self.tile_budget.need(self.model, self.objective.active, image.device)
        return self.tile_budget.tiles(need, height, width), need.strides

    def _tile_passes(self, image: Image) -> Iterator[tuple[TilePass, list[_TermGradients]]]:
        """Yield the pass of each tile, and what the terms ask of it; their scores there add up."""
        tiles, strides = self._tiles(image)
        alone = len(tiles) == 1 or self.objective.is_tileable
        asked = [] if alone else self._terms(self._activations(image, tiles, strides))
        for tile in tiles:
            tile_pass = TilePass.of(image, tile, self.model, strides)
            here = self._terms(tile_pass.cores()) if alone else asked
            yield tile_pass, [term.at(tile_pass, alone=alone) for term in here]

    @torch.enable_grad()
    def _terms(self, activations: Activations) -> list[_TermGradients]:
        """Return what each term asks of these activations, however they were computed."""
        leaves = {name: seen.detach().requires_grad_() for name, seen in activations.items()}
        terms = self.objective.terms(leaves).values()
        found = []
        for weight, score in terms:
            gradients = torch.autograd.grad(
                score, list(leaves.values()), allow_unused=True, retain_graph=len(terms) > 1
            )
            pairs = zip(leaves, gradients, strict=True)
            wanted = {layer: gradient for layer, gradient in pairs if gradient is not None}
            found.append(_TermGradients(weight, score.detach(), wanted))
        return found

    @torch.no_grad()
    def _activations(self, image: Image, tiles: Sequence[Tile], strides: Strides) -> Activations:
        """Return the activations of the whole image, put together from its tiles."""
        if len(tiles) == 1:
            return self.model(image, self.objective.active)
        whole: dict[str, Tensor] = {}
        for tile in tiles:
            TilePass.of(image, tile, self.model, strides).add_cores(whole)
        return whole


@dataclass(frozen=True)
class _TermGradients:
    """Gradients of one term of an objective in the activations."""

    weight: float
    score: Tensor
    wanted: Mapping[str, Tensor]
    """Layer -> the gradient of the score in its activations."""

    def at(self, tile_pass: TilePass, *, alone: bool) -> _TermGradients:
        """Return the tile's part of it.

        alone: whether it was asked of this tile's core, not of the whole image.
        """
        if tile_pass.tile.whole:
            return self
        share = tile_pass.share(next(iter(self.wanted)))
        wanted = {
            layer: want * tile_pass.share(layer) if alone else tile_pass.within(layer, want)
            for layer, want in self.wanted.items()
        }
        return _TermGradients(self.weight, self.score * share, wanted)
