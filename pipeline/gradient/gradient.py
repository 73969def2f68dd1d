"""Gradient of an objective of a model's activations, with respect to an image."""

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
"""Added to standard deviations of gradients, because a flat image may have a gradient of 0."""


@dataclass(frozen=True)
class Gradient:
    """A GradientFn: image -> gradient of an objective with respect to it, and the score.

    Callers need not know about tiles. Each tile contributes the gradient of its core's activations
    with respect to all pixels that they depend on; the sum is the gradient of the whole image, and
    exact if margins are as wide as the receptive field. A class score, which depends on all pixels,
    is the mean of the tiles' scores.
    """

    model: Model
    """The network."""
    objective: BoundObjective
    """The objective, bound to that model."""
    tile_budget: TileBudget | None = None
    """How much of an image the network may process at once. None: all of it."""

    def __call__(self, image: Image) -> tuple[Tensor, Tensor]:
        """Return the gradient, (1, 3, H, W), and the score, a scalar, both detached.

        With several terms, the gradient of each is scaled to a standard deviation of 1 before it is
        weighted: half the weight is half the effect, whatever the scales of the layers, and a
        cross-fade is uniform.
        """
        gradients: list[Tensor | None] = []
        terms: list[_TermGradients] = []
        scores: list[Tensor] = []
        for tile_pass, terms in self._tile_passes(image.detach()):
            gradients = gradients or [None for _ in terms]
            scores.append(total((term.weight, term.score) for term in terms))
            wanted = [
                (number, layer, layer_gradient)
                for number, term in enumerate(terms)
                for layer, layer_gradient in term.wanted.items()
            ]
            for remaining, (number, layer, layer_gradient) in zip(
                range(len(wanted))[::-1], wanted, strict=True
            ):
                gradients[number] = tile_pass.with_gradient(
                    gradients[number], layer, layer_gradient, image, keep=remaining > 0
                )
        per_term = [
            torch.zeros_like(image) if gradient is None else gradient for gradient in gradients
        ]
        for gradient, term in zip(per_term, terms, strict=True):
            if len(per_term) > 1:
                gradient.div_(gradient.std() + TINY)
            if term.weight != 1:
                gradient.mul_(term.weight)
        return functools.reduce(Tensor.add_, per_term), functools.reduce(Tensor.add, scores)

    @torch.no_grad()
    def score(self, image: Image) -> Tensor:
        """Return only the score, a scalar, at less than half the cost of the gradient."""
        tiles, strides = self._tiles(image)
        if len(tiles) == 1 or not self.objective.is_tileable:
            return total(self.objective.terms(self._activations(image, tiles, strides)).values())
        tile_scores = [
            total((term.weight, term.score) for term in terms)
            for _, terms in self._tile_passes(image)
        ]
        return torch.stack(tile_scores).sum()

    @property
    def smallest_side(self) -> int:
        """Smallest height and width, in pixels, of an image whose gradient can be computed."""
        return self.model.smallest_side(self.objective.layers)

    @property
    def step_bytes(self) -> float | None:
        """Maximum number of bytes that one step may hold. None: no limit."""
        return None if self.tile_budget is None else self.tile_budget.bytes

    def within(self, step_bytes: float | None) -> Gradient:
        """Return the gradient, its steps limited to `step_bytes` bytes. None: unchanged."""
        if self.tile_budget is None:
            return self
        return replace(self, tile_budget=self.tile_budget.within(step_bytes))

    def is_tiled(self, image: Image) -> bool:
        """Return whether this image is processed in more than one tile."""
        return len(self._tiles(image)[0]) > 1

    def _tiles(self, image: Image) -> tuple[Sequence[Tile], Strides]:
        """Return the tiles of the image, and the strides of the active layers."""
        height, width = image.shape[2:]
        if self.tile_budget is None:
            return cut_tiles(height, width), dict.fromkeys(self.objective.active)
        need = self.tile_budget.need(self.model, self.objective.active, image.device)
        return self.tile_budget.tiles(need, height, width), need.strides

    def _tile_passes(self, image: Image) -> Iterator[tuple[TilePass, list[_TermGradients]]]:
        """Yield the pass of each tile and its terms, whose scores add up to those of the image."""
        tiles, strides = self._tiles(image)
        alone = len(tiles) == 1 or self.objective.is_tileable
        image_terms = [] if alone else self._terms(self._activations(image, tiles, strides))
        for tile in tiles:
            tile_pass = TilePass.of(image, tile, self.model, strides)
            tile_terms = self._terms(tile_pass.cores()) if alone else image_terms
            yield tile_pass, [term.at(tile_pass, alone=alone) for term in tile_terms]

    @torch.enable_grad()
    def _terms(self, activations: Activations) -> list[_TermGradients]:
        """Return each term with its gradients with respect to these activations."""
        leaves = {name: seen.detach().requires_grad_() for name, seen in activations.items()}
        terms = self.objective.terms(leaves).values()
        per_term = []
        for weight, score in terms:
            gradients = torch.autograd.grad(
                score, list(leaves.values()), allow_unused=True, retain_graph=len(terms) > 1
            )
            pairs = zip(leaves, gradients, strict=True)
            wanted = {layer: gradient for layer, gradient in pairs if gradient is not None}
            per_term.append(_TermGradients(weight, score.detach(), wanted))
        return per_term

    @torch.no_grad()
    def _activations(self, image: Image, tiles: Sequence[Tile], strides: Strides) -> Activations:
        """Return the activations of the whole image, assembled from its tiles."""
        if len(tiles) == 1:
            return self.model(image, self.objective.active)
        whole: dict[str, Tensor] = {}
        for tile in tiles:
            TilePass.of(image, tile, self.model, strides).add_cores(whole)
        return whole


@dataclass(frozen=True)
class _TermGradients:
    """One term of an objective, and its gradients with respect to the activations."""

    weight: float
    score: Tensor
    wanted: Mapping[str, Tensor]
    """Layer -> gradient of the score with respect to its activations."""

    def at(self, tile_pass: TilePass, *, alone: bool) -> _TermGradients:
        """Return this tile's part of the term.

        alone: whether the term was computed from this tile's core and not from the whole image.
        """
        if tile_pass.tile.whole:
            return self
        share = tile_pass.share(next(iter(self.wanted)))
        wanted = {
            layer: layer_gradient * tile_pass.share(layer)
            if alone
            else tile_pass.within(layer, layer_gradient)
            for layer, layer_gradient in self.wanted.items()
        }
        return _TermGradients(self.weight, self.score * share, wanted)
