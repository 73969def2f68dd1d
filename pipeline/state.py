"""All that the next frame depends on, passed on from frame to frame."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from torch import Tensor

from pipeline.canvas import Canvas
from pipeline.dreamer import Dream
from pipeline.frame import Frame, Image, Memory, Picture
from pipeline.imaging.layer_level import LayerLevel


@dataclass(frozen=True)
class LoopBuffer:
    """The pictures and dreams that a seamless loop keeps of its beginning and its end."""

    start: tuple[Picture, ...] = ()
    """The first pictures, (H, W, 3), which are shown only as what the end fades into."""
    dreams: tuple[Tensor, ...] = ()
    """Those of them that the end is pulled to, (1, 3, H, W) of half precision on the CPU."""
    held: tuple[Picture, ...] = ()
    """The newest pictures, not shown yet, for they may be the end."""


@dataclass(frozen=True)
class State:
    """All that the next frame depends on, and so all that a render must find again to go on."""

    index: int = 0
    """Of the next frame."""
    picture: Picture | None = None
    """The last one, (H, W, 3), if one was filmed."""
    dream: Image | None = None
    """The last one, (1, 3, H, W) float32, never through 8 bits."""
    maturity: Tensor | None = None
    """(1, 1, H, W) float32 in [0, 1], how far the dream at each pixel has grown: 0 = nothing yet,
    1 = full strength."""
    memory: Memory = field(default_factory=dict)
    """The dreamer's own."""
    ends: LoopBuffer = LoopBuffer()
    """The seamless loop's."""
    step_bytes: float | None = None
    """That a gradient step may hold; None = as it was asked for."""
    level: LayerLevel | None = None
    """The strength that the dream layer is to keep, None = as it is."""
    age: int = 0
    """Frames that were dreamt since the shot began."""

    def after(self, frame: Frame, canvas: Canvas, dream: Dream) -> State:
        """Return the state that the frame after this one starts from.

        A flash leaves the dream where it was: it is shown on the flash, and goes on after it.
        """
        now = replace(self, index=frame.index + 1, step_bytes=dream.step_bytes)
        if frame.flash:
            return now
        return replace(
            now,
            picture=frame.picture,
            dream=dream.image,
            maturity=dream.maturity,
            memory=dream.memory,
            level=canvas.level,
            age=1 if frame.cut else self.age + 1,
        )
