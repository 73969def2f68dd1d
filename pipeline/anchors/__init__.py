"""Contract of anchors: earlier frames that give content that reappears its dream back.

Optical flow links neighbouring frames only. Content that was hidden or outside the frame has no
flow when it appears, and its dream would be lost. It is matched with a few earlier frames instead.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol, TypeAlias

import torch
from torch import Tensor

from pipeline.canvas import Canvas
from pipeline.dreamer import Dream
from pipeline.frame import Frame, Motion, Picture

FlowFn: TypeAlias = Callable[[Picture, Picture], Motion | None]
"""Current and earlier picture -> backward motion; see Flow."""


@dataclass(frozen=True)
class Snapshot:
    """An earlier frame with its dream."""

    age: int
    """Number of frames of the shot before it. Negative: it belongs to an earlier shot, -1 to the
    last one."""
    picture: Picture
    """The picture, (H, W, 3), at the size of the dream."""
    layer: Tensor
    """Dream layer and maturity, (1, 4, H, W) in half precision."""

    @staticmethod
    def of(age: int, picture: Picture, canvas: Canvas, dream: Dream) -> Snapshot:
        """Return the snapshot of a frame with a picture."""
        assert canvas.picture is not None
        layer = torch.cat([dream.image - canvas.picture, dream.maturity], dim=1)
        return Snapshot(age, picture, layer.half())


class Anchors(Protocol):
    """Gives content that reappears its dream back, from snapshots that it chooses."""

    @property
    def across_cuts(self) -> bool:
        """Whether snapshots of one shot may be used in another."""

    def __call__(
        self,
        canvas: Canvas,
        frame: Frame,
        previous: Picture | None,
        snapshots: Sequence[Snapshot],
        flow: FlowFn,
    ) -> Canvas:
        """Return the canvas with the dream of content that is in a snapshot and not in the layer.

        previous: picture of the last frame. snapshots: those that were kept, ascending. flow:
        optical flow between any two pictures.
        """

    def keep(
        self, snapshots: Sequence[Snapshot], frame: Frame, canvas: Canvas, dream: Dream, age: int
    ) -> tuple[Snapshot, ...]:
        """Return the snapshots to keep after this frame, which may become one, ascending.

        age: number of frames of the shot before it; 0 after a cut, with the snapshots of the shot
        that ended.
        """


@dataclass(frozen=True)
class NoAnchors:
    """No snapshots: content that reappears is given a new dream."""

    across_cuts: Literal[False] = field(default=False, init=False)
    """No snapshots are used in another shot."""

    def __call__(
        self,
        canvas: Canvas,
        frame: Frame,
        previous: Picture | None,
        snapshots: Sequence[Snapshot],
        flow: FlowFn,
    ) -> Canvas:
        """Return the canvas unchanged."""
        return canvas

    def keep(
        self, snapshots: Sequence[Snapshot], frame: Frame, canvas: Canvas, dream: Dream, age: int
    ) -> tuple[Snapshot, ...]:
        """Return no snapshots."""
        return ()


NO_ANCHORS = NoAnchors()
"""No anchors."""
