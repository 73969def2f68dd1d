"""The state that is passed from frame to frame."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from torch import Tensor

from pipeline.anchors import NO_ANCHORS, Anchors, Snapshot
from pipeline.canvas import Canvas
from pipeline.dreamer import Dream
from pipeline.frame import Frame, Image, Memory, Picture
from pipeline.imaging.layer_level import LayerLevel
from pipeline.transitions import Reference


@dataclass(frozen=True)
class LoopBuffer:
    """The pictures and dreams that a seamless loop keeps from its start and its end."""

    start: tuple[Picture, ...] = ()
    """First pictures, (H, W, 3), which are in the output only where the end fades into them."""
    dreams: tuple[Tensor, ...] = ()
    """Dreams of the first pictures that the end is pulled to, (1, 3, H, W) in half precision on the
    CPU."""
    held: tuple[Picture, ...] = ()
    """Newest pictures, (H, W, 3), held back from the output as they may be the end."""


@dataclass(frozen=True)
class State:
    """Everything that the next frame depends on; with it a render can be resumed."""

    index: int = 0
    """Index of the next frame."""
    picture: Picture | None = None
    """Last picture, (H, W, 3), if there was footage."""
    dream: Image | None = None
    """Last dream, (1, 3, H, W) float32, never rounded to 8 bits."""
    maturity: Tensor | None = None
    """How far the dream has grown at each pixel, (1, 1, H, W) float32: 0 = nothing yet, 1 = full
    strength."""
    memory: Memory = field(default_factory=dict)
    """State of the dreamer."""
    ends: LoopBuffer = LoopBuffer()
    """State of the seamless loop."""
    step_bytes: float | None = None
    """Memory that a gradient step may use, in bytes. None: as set in the tile budget."""
    level: LayerLevel | None = None
    """Strength that the dream layer should keep. None: that of the layer as it is."""
    age: int = 0
    """Number of frames dreamt since the shot started."""
    reference: Reference | None = None
    """Picture that the dream layer was dreamt on. None: unknown."""
    snapshots: tuple[Snapshot, ...] = ()
    """Earlier frames with their dreams, ascending."""
    ahead_step_bytes: float | None = None
    """Memory that a gradient step of the first of two passes may use, in bytes. None: as set in the
    tile budget."""

    def after(
        self, frame: Frame, canvas: Canvas, dream: Dream, anchors: Anchors = NO_ANCHORS
    ) -> State:
        """Return the state after this frame. anchors: choose the snapshots to keep.

        The dream of a flash is not carried: the next frame starts from the dream before the flash.
        """
        state = replace(self, index=frame.index + 1, step_bytes=dream.step_bytes)
        if frame.flash:
            return state
        age = 0 if frame.cut else self.age
        return replace(
            state,
            picture=frame.picture,
            dream=dream.image,
            maturity=dream.maturity,
            memory=dream.memory,
            level=canvas.level,
            reference=canvas.reference,
            age=age + 1,
            snapshots=anchors.keep(self.snapshots, frame, canvas, dream, age),
        )
