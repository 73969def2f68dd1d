"""Contract: what a render hands its pictures to, and is resumed from."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol

from pipeline.frame import Picture
from pipeline.state import State


class Recorder(Protocol):
    """Takes what a render makes, in order."""

    @property
    def state(self) -> State:
        """Where to begin: before the newest frame of an earlier render, or before the first."""

    def add(
        self, pictures: Sequence[Picture], before: State, state: State, *, starts_shot: bool = False
    ) -> None:
        """Record a frame: the pictures, (H, W, 3) RGB, that can be shown now, perhaps none.

        before, state: what it started from, and what the next one starts from. starts_shot: whether
        nothing of what came earlier is in these pictures, or in any that follow. Raises UserError
        if it cannot, or if an earlier render's newest frame came to something else.
        """

    def finish(self, rest: Iterable[Picture] = ()) -> None:
        """All frames are there, but for these pictures: complete the output. Raises UserError."""


class NullRecorder:
    """A Recorder that keeps nothing: for callers that use the frames that `render` yields."""

    def __init__(self, state: State | None = None) -> None:
        self.state = state or State()

    def add(
        self, pictures: Sequence[Picture], before: State, state: State, *, starts_shot: bool = False
    ) -> None:
        """Do nothing."""

    def finish(self, rest: Iterable[Picture] = ()) -> None:
        """Do nothing."""
