"""Contract: what records the frames of a render, and what a render is resumed from."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol

from pipeline.frame import Picture
from pipeline.state import State


class Recorder(Protocol):
    """Records the frames of a render, in order."""

    @property
    def state(self) -> State:
        """State to start from: before the newest frame of an earlier render, or the first frame."""

    def add(
        self, pictures: Sequence[Picture], before: State, state: State, *, starts_shot: bool = False
    ) -> None:
        """Record a frame and the pictures, (H, W, 3) RGB, that are final now, possibly none.

        before, state: state before and after the frame. starts_shot: whether a shot starts with
        these pictures. Raises UserError if the frame cannot be recorded, or if it is the newest
        frame of an earlier render and gives another state.
        """

    def finish(self, rest: Iterable[Picture] = ()) -> None:
        """Record the last pictures and complete the output. Raises UserError."""


class NullRecorder:
    """A Recorder that stores nothing, for callers that use the frames that `render` yields."""

    def __init__(self, state: State | None = None) -> None:
        self.state = state or State()

    def add(
        self, pictures: Sequence[Picture], before: State, state: State, *, starts_shot: bool = False
    ) -> None:
        """Do nothing."""

    def finish(self, rest: Iterable[Picture] = ()) -> None:
        """Do nothing."""
