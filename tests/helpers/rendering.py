"""Renders of pictures in memory by a toy network."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, fields
from fractions import Fraction
from typing import Any

import torch
from helpers.stages import octaves, pipeline_of, stages

from pipeline.cuts import Change
from pipeline.frame import Clip, Picture
from pipeline.gradient import Gradient
from pipeline.render import RenderedFrame, render
from pipeline.stages import Stages
from pipeline.state import State

CPU = torch.device("cpu")


HEIGHT, WIDTH = 48, 64


@dataclass
class Pictures:
    """A source of these pictures; behind them it breaks, if it is told to."""

    given: list[Picture]
    error: Exception | None = None

    @property
    def clip(self) -> Clip:
        return Clip(*self.given[0].shape[:2], rate=Fraction(25))

    def pictures(self, start: int = 0) -> Iterator[Picture]:
        yield from self.given[start:]
        if self.error is not None:
            raise self.error


@dataclass
class Kept:
    """A recorder that keeps the pictures, and the states between them."""

    pictures: list[Picture] = field(default_factory=list)
    state: State = field(default_factory=State)
    states: list[State] = field(default_factory=list)
    finished: bool = False

    fresh: list[int] = field(default_factory=list)

    def add(
        self, pictures: Sequence[Picture], before: State, state: State, *, starts_shot: bool = False
    ) -> None:
        assert not self.finished
        self.fresh += [len(self.pictures)] * starts_shot
        assert before is (self.states[-1] if self.states else self.state)
        self.pictures += pictures
        self.states.append(state)

    def finish(self, rest: Iterable[Picture] = ()) -> None:
        self.pictures += rest
        self.finished = True


@dataclass(frozen=True)
class At:
    """These changes at these frames."""

    changes: dict[int, Change]

    def __call__(self, pictures: Any) -> Iterator[tuple[Picture, Change]]:
        for index, picture in enumerate(pictures):
            yield picture, self.changes.get(index, Change.NONE)


def start(gradient: Gradient, given: list[Picture] | Pictures, **changes: Any) -> Any:
    source = given if isinstance(given, Pictures) else Pictures(given)
    recorder, seed = changes.pop("recorder", None) or Kept(), changes.pop("seed", 0)
    changing = {field.name for field in fields(Stages)} & {*changes}
    now = stages(
        **{"dreamer": octaves(), "objective": gradient.objective}
        | {name: changes.pop(name) for name in changing}
    )
    pipeline = pipeline_of(source, now, **{"model": gradient.model, **changes})
    return render(pipeline, recorder, seed=seed, device=CPU)


def dreams(gradient: Gradient, given: list[Picture], **changes: Any) -> list[RenderedFrame]:
    return list(start(gradient, given, **changes))
