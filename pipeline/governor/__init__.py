"""Contract of governors, which stabilise a dream that is carried for long. One file each."""

from __future__ import annotations

from typing import Protocol

from pipeline.canvas import Canvas


class Governor(Protocol):
    """Corrects the carried layer before it is dreamt on again."""

    def __call__(self, canvas: Canvas, *, rate: float, steady: bool) -> Canvas:
        """Return the canvas with one frame's share of the correction.

        May change `layer`, `level` and `strength`. It has no state of its own: what it needs from
        earlier frames is in `canvas.level`. rate: frames per second. steady: whether dreamer and
        objective have the same settings as in the last frame; if not, the dream is meant to change.
        """
