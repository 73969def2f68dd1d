"""The gradient that a dreamer climbs: the gradient of an aim in a model's view of an image."""

from __future__ import annotations

import functools
import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from pipeline.errors import UserError
from pipeline.frame import Image
from pipeline.gradient.tile_budget import TileBudget
from pipeline.gradient.tile_gradient import Strides, TilePass
from pipeline.gradient.tiles import Tile, cut
from pipeline.model import Activations, Model
from pipeline.objective import BoundObjective, total

log = logging.getLogger(__name__)

TINY = 1e-12
"""A flat picture may have no gradient at all."""


@dataclass(frozen=True)
class Gradient:
    """Where to, and how well already.

    room: how much of an image the network may hold at once; None = all of it. Whoever asks need
    not know of tiles: each gives what its core's activations want of all the pixels that it sees,
    and their sum is the gradient of the whole image, exactly so where margins are as wide as what
    an activation sees. A class score, which looks at everything, is the mean of the tiles' scores.

    A gradient that is not finite is none: it is given as 0 all over, so that the step is left out
    and nothing but numbers gets into a dream, where it would stay for ever.
    """

    model: Model
    aim: BoundObjective
    room: TileBudget | None = None
    _lost: list[Tensor] = field(default_factory=list, init=False, repr=False, compare=False)

    def __call__(self, image: Image) -> tuple[Tensor, Tensor]:
        """The gradient, (1, 3, H, W), and the score, a scalar, both detached.

        Of several terms each has its own gradient, brought to a deviation of 1 and weighted: half
        the weight is half the look, whatever the scales of the layers, and a cross-fade is even.
        """
        gradients: list[Tensor | None] = []
        pulls: list[_Pull] = []
        scores: list[Tensor] = []
        for view, pulls in self._pulled(image.detach()):
            gradients = gradients or [None for _ in pulls]
            scores.append(total((pull.weight, pull.score) for pull in pulls))
            asked = [(term, *wanted) for term, pull in enumerate(pulls)
                     for wanted in pull.wanted.items()]  # fmt: skip
            for left, (term, layer, wanted) in zip(range(len(asked))[::-1], asked, strict=True):
                gradients[term] = view.with_gradient(
                    gradients[term], layer, wanted, image, keep=left > 0
                )
        found = [
            torch.zeros_like(image) if gradient is None else gradient for gradient in gradients
        ]
        for gradient, pull in zip(found, pulls, strict=True):
            if len(found) > 1:
                gradient.div_(gradient.std() + TINY)
            if pull.weight != 1:
                gradient.mul_(pull.weight)
        gradient = functools.reduce(Tensor.add_, found)
        # the sum is a number if all of it is; 0 times anything else is none
        lost = gradient.sum() * 0 != 0
        self._lost.append(lost)
        if gradient.device.type != "cpu":
            gradient.masked_fill_(lost, 0)  # decided there, for it need not be waited for
        elif lost:
            gradient.zero_()
        return gradient, functools.reduce(Tensor.add, scores)

    def check(self, index: int) -> None:
        """Log how many steps of the frame of that index were left out, if any.

        Raises UserError where it was the first and none was left: the network gives no numbers.
        """
        steps = len(self._lost)
        left_out = int(torch.stack(self._lost).sum()) if steps else 0
        if left_out and left_out == steps and index == 0:
            raise UserError(
                "model, model.weights: must give finite numbers, got none in any step of the first "
                "frame; take other weights, another layer or objective"
            )
        if left_out:
            log.warning("frame %d: %d of %d steps left out, whose gradient was not finite",
                        index, left_out, steps)  # fmt: skip

    @torch.no_grad()
    def score(self, image: Image) -> Tensor:
        """The score alone, a scalar, at less than half of the gradient's cost."""
        tiles, strides = self.cut(image)
        if len(tiles) == 1 or not self.aim.local:
            return total(self.aim.terms(self._seen(image, tiles, strides)).values())
        each = [total((pull.weight, pull.score) for pull in pulls)
                for _, pulls in self._pulled(image)]  # fmt: skip
        return torch.stack(each).sum()

    @property
    def smallest_side(self) -> int:
        """The least height and width, in pixels, of an image that it can be asked for."""
        return self.model.smallest_side(self.aim.layers)

    @property
    def bytes(self) -> float | None:
        """That one step may hold; None = as many as it takes."""
        return None if self.room is None else self.room.bytes

    def cut(self, image: Image) -> tuple[Sequence[Tile], Strides]:
        """The tiles of the image, and how far apart their activations lie."""
        height, width = image.shape[2:]
        if self.room is None:
            return cut(height, width), dict.fromkeys(self.aim.active)
        need = self.room.need(self.model, self.aim.active, image.device)
        return self.room.enter(need, height, width), need.strides

    def _pulled(self, image: Image) -> Iterator[tuple[TilePass, list[_Pull]]]:
        """The view of each tile, and what the terms ask of it; their scores there add up."""
        tiles, strides = self.cut(image)
        alone = len(tiles) == 1 or self.aim.local
        asked = [] if alone else self._asked(self._seen(image, tiles, strides))
        for tile in tiles:
            view = TilePass.of(image, tile, self.model, strides)
            here = self._asked(view.cores()) if alone else asked
            yield view, [pull.at(view, alone=alone) for pull in here]

    @torch.enable_grad()
    def _asked(self, activations: Activations) -> list[_Pull]:
        """What each term asks of these activations, however they came about."""
        leaves = {name: seen.detach().requires_grad_() for name, seen in activations.items()}
        terms = self.aim.terms(leaves).values()
        pulls = []
        for weight, score in terms:
            gradients = torch.autograd.grad(score, list(leaves.values()), allow_unused=True,
                                         retain_graph=len(terms) > 1)  # fmt: skip
            pairs = zip(leaves, gradients, strict=True)
            wanted = {layer: gradient for layer, gradient in pairs if gradient is not None}
            pulls.append(_Pull(weight, score.detach(), wanted))
        return pulls

    @torch.no_grad()
    def _seen(self, image: Image, tiles: Sequence[Tile], strides: Strides) -> Activations:
        """The activations of the whole image, put together."""
        if len(tiles) == 1:
            return self.model(image, self.aim.active)
        whole: dict[str, Tensor] = {}
        for tile in tiles:
            TilePass.of(image, tile, self.model, strides).add_cores(whole)
        return whole


@dataclass(frozen=True)
class _Pull:
    """What a term asks of activations: its weight, its score, and its gradient in each layer."""

    weight: float
    score: Tensor
    wanted: Mapping[str, Tensor]

    def at(self, view: TilePass, *, alone: bool) -> _Pull:
        """The view's part of it. alone: whether it was asked of this view's cores, not of all."""
        if view.tile.whole:
            return self
        share = view.share(next(iter(self.wanted)))
        wanted = {layer: want * view.share(layer) if alone else view.within(layer, want)
                  for layer, want in self.wanted.items()}  # fmt: skip
        return _Pull(self.weight, self.score * share, wanted)
